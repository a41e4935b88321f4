/**
 * The page before joining: who you are, which room, and what others will see and hear.
 *
 * @import {Choice, Input, LocalMedia} from './local-media.js'
 */

import { listDevices } from './devices.js';
import { byId, setIcon, setText, within } from './dom.js';
import { Loudness } from './levels.js';
import { INPUTS } from './local-media.js';
import { displayNameFrom, roomNameFrom } from './names.js';
import { deviceSentence } from './sentences.js';

/** How often the loudness is shown, in milliseconds. */
const METER_INTERVAL = 80;

/** Speech has a root mean square of about a fifth of full scale at most; the meter is full there. */
const METER_FULL = 0.2;

/** @typedef {{name: string, room: string}} Entry */

export class JoinView {
  #view = byId('join-view', HTMLElement);
  #form = byId('join-form', HTMLFormElement);
  #name = byId('name', HTMLInputElement);
  #room = byId('room', HTMLInputElement);
  #problem = byId('join-problem', HTMLElement);
  #button = byId('join-button', HTMLButtonElement);
  #note = byId('device-note', HTMLElement);
  #video = byId('preview-video', HTMLVideoElement);
  #empty = byId('preview-empty', HTMLElement);
  #meter = byId('preview-level', HTMLMeterElement);
  #choices = {
    camera: byId('camera-choice', HTMLSelectElement),
    microphone: byId('microphone-choice', HTMLSelectElement),
  };
  #switches = {
    camera: byId('preview-camera', HTMLButtonElement),
    microphone: byId('preview-microphone', HTMLButtonElement),
  };
  /** @type {LocalMedia} */
  #local;
  /** @type {MediaStreamTrack | null} */
  #shown = null;
  /** @type {Loudness | null} */
  #loudness = null;
  /** @type {(() => void)[]} */
  #cleanup = [];

  /**
   * @param {LocalMedia} local
   * @param {(entry: Entry) => void} onJoin
   */
  constructor(local, onJoin) {
    this.#local = local;
    this.#form.onsubmit = (event) => {
      event.preventDefault();
      const entry = this.#readEntry();
      if (entry !== null) onJoin(entry);
    };
    this.#name.onchange = () => local.rename(displayNameFrom(this.#name.value));
    for (const input of INPUTS) {
      this.#choices[input].onchange = () => {
        void local.choose({ [input]: /** @type {Choice} */ (this.#choices[input].value) });
      };
      this.#switches[input].onclick = () => void local.turn(input, !local[input].on);
    }
  }

  /** @param {Entry & {problem?: string}} start What the fields hold at first, and why one is back here. */
  show({ name, room, problem }) {
    this.#view.hidden = false;
    this.#name.value = name;
    this.#room.value = room;
    this.#sayProblem(this.#problem, problem ?? null);
    document.title = 'Switchyard';
    (name === '' ? this.#name : this.#button).focus({ preventScroll: true });
    const devicesChanged = () => void this.#listDevices();
    navigator.mediaDevices?.addEventListener('devicechange', devicesChanged);
    const meter = setInterval(() => this.#showLevel(), METER_INTERVAL);
    this.#cleanup = [
      this.#local.watch(() => this.#showMedia()),
      () => navigator.mediaDevices?.removeEventListener('devicechange', devicesChanged),
      () => clearInterval(meter),
    ];
    this.#showMedia();
  }

  hide() {
    this.#view.hidden = true;
    for (const undo of this.#cleanup) undo();
    this.#cleanup = [];
    this.#loudness?.close();
    this.#loudness = null;
    this.#video.srcObject = null;
    this.#shown = null;
  }

  /** @returns {Entry | null} Null if something is missing; the page says what. */
  #readEntry() {
    const name = displayNameFrom(this.#name.value);
    const room = roomNameFrom(this.#room.value);
    this.#sayProblem(byId('name-problem', HTMLElement), name === '' ? 'Enter a name, so that others know who you are.' : null);
    this.#sayProblem(byId('room-problem', HTMLElement), room === '' ? 'Enter a room: letters, digits and dashes.' : null);
    this.#name.setAttribute('aria-invalid', String(name === ''));
    this.#room.setAttribute('aria-invalid', String(room === ''));
    if (name === '') this.#name.focus();
    else if (room === '') this.#room.focus();
    return name === '' || room === '' ? null : { name, room };
  }

  /** @param {HTMLElement} where @param {string | null} sentence */
  #sayProblem(where, sentence) {
    setText(where, sentence ?? '');
    where.hidden = sentence === null;
  }

  #showMedia() {
    const { camera, microphone } = this.#local;
    if (camera.track !== this.#shown) {
      this.#shown = camera.track;
      this.#video.srcObject = camera.track === null ? null : new MediaStream([camera.track]);
    }
    this.#video.toggleAttribute('data-mirrored', !camera.synthetic);
    setText(this.#empty, camera.track ? '' : camera.opening ? 'Starting your camera…' : 'Your camera is off');
    this.#sayProblem(this.#note, deviceSentence(camera, microphone));
    for (const input of INPUTS) this.#showSwitch(input);
    if (microphone.track !== (this.#loudness?.track ?? null)) {
      this.#loudness?.close();
      this.#loudness = microphone.track === null ? null : new Loudness(microphone.track);
    }
    void this.#listDevices();
  }

  /** @param {Input} input */
  #showSwitch(input) {
    const { on } = this.#local[input];
    const button = this.#switches[input];
    button.toggleAttribute('data-off', !on);
    setIcon(button, on ? input : `${input}-off`);
    setText(within(button, '.visually-hidden', HTMLElement), `Turn ${input} ${on ? 'off' : 'on'}`);
  }

  #showLevel() {
    const level = this.#local.microphone.on ? (this.#loudness?.read() ?? 0) : 0;
    this.#meter.value = Math.min(1, Math.sqrt(level / METER_FULL));
  }

  async #listDevices() {
    const { cameras, microphones } = await listDevices();
    this.#fill('camera', cameras, 'Generated picture', 'No camera');
    this.#fill('microphone', microphones, 'Generated sound', 'No microphone');
  }

  /**
   * @param {Input} input
   * @param {import('./devices.js').Device[]} devices
   * @param {string} synthetic
   * @param {string} none
   */
  #fill(input, devices, synthetic, none) {
    const select = this.#choices[input];
    const { choice, track, synthetic: isSynthetic } = this.#local[input];
    /** @type {[Choice, string][]} */
    const options = devices.map(({ id, label }) => [`device:${id}`, label]);
    if (options.length === 0) options.push(['device:', input === 'camera' ? 'Your camera' : 'Your microphone']);
    options.push(['synthetic', synthetic], ['none', none]);
    const wanted = JSON.stringify(options);
    if (select.dataset.options !== wanted) {
      select.dataset.options = wanted;
      select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
    }
    const used = track?.getSettings().deviceId;
    if (isSynthetic) select.value = 'synthetic';
    else select.value = choice === 'device:' ? `device:${used ?? devices[0]?.id ?? ''}` : choice;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

