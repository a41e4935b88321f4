/** A small plot of the last two minutes: one or two lines, drawn anew with every sample. */
import { SAMPLES } from './history.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 360;
const HEIGHT = 96;

/** Room above the highest point, so that its line is not cut. */
const MARGIN = 4;

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {(number | null)[]} values Oldest first; `null` leaves a gap.
 */

export class Plot {
  /**
   * @param {string} title
   * @param {(value: number | null) => string} words How a value is written.
   * @param {string[]} names Of its lines.
   * @param {number} [least] What the axis reaches at least, so that noise around zero stays small.
   */
  constructor(title, words, names, least = 0) {
    this.words = words;
    this.least = least;
    this.title = title;
    this.element = document.createElement('figure');
    this.element.className = 'card plot';
    const caption = append(this.element, 'figcaption');
    append(caption, 'h2').textContent = title;
    const legend = append(caption, 'p', 'legend');
    this.values = names.map((name, index) => {
      const entry = append(legend, 'span', `series series-${index}`);
      if (names.length > 1) append(entry, 'span', 'series-name').textContent = name;
      return append(entry, 'strong');
    });
    const frame = append(this.element, 'div', 'frame');
    this.svg = document.createElementNS(SVG, 'svg');
    this.svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    this.svg.setAttribute('preserveAspectRatio', 'none');
    this.svg.setAttribute('role', 'img');
    frame.append(this.svg);
    for (const share of [0, 0.5, 1]) {
      const y = String(MARGIN + (HEIGHT - MARGIN) * share - (share === 1 ? 0.5 : 0));
      set(draw(this.svg, 'line'), { class: 'grid', x1: '0', x2: String(WIDTH), y1: y, y2: y });
    }
    // The last first, so that the first line lies on top.
    this.shapes = names
      .map((_, index) => index)
      .reverse()
      .map((index) => ({
        index,
        area: set(draw(this.svg, 'path'), { class: `area series-${index}` }),
        line: set(draw(this.svg, 'path'), { class: `line series-${index}` }),
      }));
    this.top = append(frame, 'span', 'axis axis-top');
    append(frame, 'span', 'axis axis-bottom').textContent = '0';
  }

  /** @param {(number | null)[][]} lines The values of each line, oldest first. */
  show(lines) {
    const highest = Math.max(this.least, ...lines.flat().map((value) => value ?? 0));
    const top = roundUp(highest);
    this.top.textContent = this.words(top);
    for (const { index, area, line } of this.shapes) {
      const runs = runsOf(lines[index] ?? [], top);
      line.setAttribute('d', runs.map((run) => `M${run.map(point).join('L')}`).join(''));
      area.setAttribute('d', runs.map((run) => areaUnder(run)).join(''));
    }
    const now = lines.map((values) => this.words(values.at(-1) ?? null));
    for (const [index, element] of this.values.entries()) {
      if (element.textContent !== now[index]) element.textContent = now[index] ?? '';
    }
    this.svg.setAttribute('aria-label', `${this.title}, now ${now.join(' and ')}, over two minutes`);
  }
}

/** Points of each stretch without gaps. @param {(number | null)[]} values @param {number} top */
function runsOf(values, top) {
  /** @type {[number, number][][]} */
  const runs = [];
  let open = false;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      open = false;
      continue;
    }
    if (!open) runs.push([]);
    open = true;
    const x = ((SAMPLES - values.length + index) / (SAMPLES - 1)) * WIDTH;
    const y = HEIGHT - (top > 0 ? value / top : 0) * (HEIGHT - MARGIN);
    runs.at(-1)?.push([x, y]);
  }
  // A single point has no line; it gets a short one.
  return runs.map((run) => (run.length === 1 && run[0] ? [run[0], [run[0][0] + 1, run[0][1]]] : run));
}

/** @param {number[]} xy */
function point([x = 0, y = 0]) {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

/** @param {number[][]} run */
function areaUnder(run) {
  const first = run[0]?.[0] ?? 0;
  const last = run.at(-1)?.[0] ?? 0;
  return `M${point([first, HEIGHT])}L${run.map(point).join('L')}L${point([last, HEIGHT])}Z`;
}

/** The next of 1, 2, 5, 10, …: an axis whose end people can read. @param {number} value */
export function roundUp(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((step) => value <= step * power * (1 + 1e-9));
  return (step ?? 10) * power;
}

/**
 * @param {Element} parent
 * @param {string} tag
 * @param {string} [className]
 */
function append(parent, tag, className) {
  const element = document.createElement(tag);
  if (className !== undefined) element.className = className;
  parent.append(element);
  return element;
}

/** @param {Element} parent @param {string} tag */
function draw(parent, tag) {
  const element = document.createElementNS(SVG, tag);
  parent.append(element);
  return element;
}

/** @param {Element} element @param {Record<string, string>} attributes */
function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
