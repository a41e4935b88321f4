/**
 * The one AudioContext of the page. Browsers let it run only after the visitor has done something, so it is woken
 * at the first click or key press.
 */

/** @type {AudioContext | null} */
let context = null;

/** @returns {AudioContext} */
export function audioContext() {
  if (context === null) {
    const created = new AudioContext();
    const wake = () => {
      if (created.state !== 'running') void created.resume();
    };
    for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, wake, { capture: true });
    wake();
    context = created;
  }
  return context;
}
