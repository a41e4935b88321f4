/** Numbers as people read them. */

const STEPS = ['', 'k', 'M', 'G', 'T'];

/**
 * Three digits and a prefix: `1.24 M`.
 *
 * @param {number | null | undefined} value
 * @param {string} [unit]
 */
export function short(value, unit = '') {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  let step = 0;
  let rest = Math.abs(value);
  while (rest >= 999.5 && step < STEPS.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = rest >= 99.5 || (step === 0 && Number.isInteger(rest)) ? 0 : rest >= 9.95 ? 1 : 2;
  const number = (value < 0 ? -rest : rest).toFixed(digits);
  const suffix = `${STEPS[step]}${unit}`;
  return suffix === '' ? number : `${number} ${suffix}`;
}

/** @param {number | null | undefined} seconds */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 0.000_999_5) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.999_5) return `${Number((seconds * 1e3).toPrecision(3))} ms`;
  return `${seconds.toFixed(1)} s`;
}

/** @param {number} seconds */
export function age(seconds) {
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** @param {number} bytes */
export function memory(bytes) {
  return bytes < 1 << 30 ? `${Math.round(bytes / (1 << 20))} MiB` : `${(bytes / (1 << 30)).toFixed(1)} GiB`;
}

/** @param {number | null | undefined} share */
export function percent(share) {
  return share === null || share === undefined ? '–' : `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** A reason as words: `awaiting_keyframe` → `awaiting keyframe`. @param {string} reason */
export function spoken(reason) {
  return reason.replaceAll('_', ' ');
}
