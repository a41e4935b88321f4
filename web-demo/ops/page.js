/** The page `/ops`: what the server is doing now, and has done in the last two minutes. */
import { byId, setText } from '../js/dom.js';
import { Feed } from './feed.js';
import { History } from './history.js';
import { Plot } from './plot.js';
import { Rows } from './rows.js';
import { age, duration, memory, percent, short, spoken } from './words.js';

/** @import {Report, Stats} from './feed.js' */
/** @import {Moment} from './history.js' */

/** @typedef {{plot: Plot, lines: ((moment: Moment) => number | null)[]}} Plotted */

const history = new History();
const figures = byId('figures', HTMLDivElement);
const form = byId('token-form', HTMLFormElement);
const field = byId('token', HTMLInputElement);
const alarm = byId('alarm', HTMLParagraphElement);

/** @param {number | null} value */
const packets = (value) => short(value, '/s');
/** @param {number | null} value */
const bits = (value) => short(value, 'bit/s');
/** @param {number | null} value */
const plain = (value) => (value === null ? '–' : value.toFixed(value < 10 ? 2 : 1));

/** @type {Plotted[]} */
const PLOTS = [
  {
    plot: new Plot('Packets', packets, ['out', 'in'], 10),
    lines: [(moment) => moment.packetsOut, (moment) => moment.packetsIn],
  },
  {
    plot: new Plot('Bitrate', bits, ['out', 'in'], 100_000),
    lines: [(moment) => moment.bitsOut, (moment) => moment.bitsIn],
  },
  {
    plot: new Plot('Forward latency', duration, ['p50', 'p99'], 0.001),
    lines: [(moment) => moment.p50, (moment) => moment.p99],
  },
  {
    plot: new Plot('Not forwarded', packets, ['dropped', 'by design'], 10),
    lines: [(moment) => moment.drops, (moment) => moment.spared],
  },
  {
    plot: new Plot('Datagrams per send', plain, ['segments'], 2),
    lines: [(moment) => moment.segments],
  },
  {
    plot: new Plot('Processor, whole server', percent, ['processor'], 0.1),
    lines: [(moment) => moment.processor],
  },
];

/** @type {[string, (stats: Stats) => string, ((stats: Stats) => string)?][]} */
const COUNTS = [
  ['Rooms', (stats) => String(stats.rooms)],
  ['Participants', (stats) => String(stats.participants)],
  ['Connections up', (stats) => String(stats.peers.connected), (stats) => `of ${stats.peers.all}`],
  ['Tracks', (stats) => String(stats.tracks)],
  ['Slots in use', (stats) => String(stats.slots.assigned), (stats) => `of ${stats.slots.all}`],
  ['Memory', (stats) => memory(stats.process.resident_memory_bytes)],
  ['Open files', (stats) => String(stats.process.open_files)],
];

byId('plots', HTMLDivElement).append(...PLOTS.map(({ plot }) => plot.element));

const counts = COUNTS.map(([name, value, note]) => {
  const card = document.createElement('div');
  card.className = 'count';
  const term = document.createElement('dt');
  term.textContent = name;
  const number = document.createElement('dd');
  const small = document.createElement('small');
  const text = document.createElement('span');
  number.append(text, ' ', small);
  card.append(term, number);
  byId('counts', HTMLDListElement).append(card);
  return (/** @type {Stats} */ stats) => {
    setText(text, value(stats));
    setText(small, note?.(stats) ?? '');
  };
});

const workerRows = new Rows(byId('workers', HTMLTableSectionElement), 6, 1);
const dropRows = new Rows(byId('drops', HTMLTableSectionElement), 3, 1);
const sparedRows = new Rows(byId('spared', HTMLTableSectionElement), 3, 1);

/** @param {Stats} stats */
function showWorkers(stats) {
  const processors = history.moments.at(-1)?.workers ?? [];
  workerRows.show(
    stats.workers.map((worker, index) => {
      const waiting = worker.commands_waiting + worker.events_waiting + worker.pipe_batches_waiting;
      const turns = history.rate((of) => of.workers[index]?.turns ?? 0);
      const busy = history.rate((of) => of.workers[index]?.turn_seconds ?? 0);
      const processor = processors[index] ?? null;
      return {
        isBad: worker.failed,
        bar: processor ?? 0,
        cells: [
          String(index),
          worker.failed ? 'failed' : percent(processor),
          String(worker.peers),
          short(history.rate((of) => of.workers[index]?.sent_packets ?? 0)),
          String(waiting),
          turns && busy !== null ? duration(busy / turns) : '–',
        ],
      };
    }),
  );
}

/** @param {Stats} stats */
function showDrops(stats) {
  showReasons(dropRows, stats, (of) => of.dropped_packets);
  showReasons(sparedRows, stats, (of) => of.spared_packets);
  const has = (/** @type {object} */ counts) => Object.keys(counts).length > 0;
  byId('no-drops', HTMLParagraphElement).hidden = has(stats.dropped_packets);
  byId('spared-title', HTMLTableSectionElement).hidden = !has(stats.spared_packets);
}

/** @param {Rows} rows @param {Stats} stats @param {(stats: Stats) => Record<string, number>} counts By reason. */
function showReasons(rows, stats, counts) {
  const drops = Object.entries(counts(stats)).map(([reason, all]) => ({
    reason,
    all,
    rate: history.rate((of) => counts(of)[reason] ?? 0) ?? 0,
  }));
  // By what has been dropped in all: an order that does not dance.
  drops.sort((a, b) => b.all - a.all || a.reason.localeCompare(b.reason));
  const most = Math.max(1, ...drops.map(({ rate }) => rate));
  rows.show(
    drops.map(({ reason, all, rate }) => ({
      isBad: false,
      bar: rate / most,
      cells: [spoken(reason), short(Math.round(rate * 10) / 10), short(all)],
    })),
  );
}

/** @param {'live' | 'gone' | 'token' | 'waiting'} state @param {string} text */
function showState(state, text) {
  byId('state', HTMLParagraphElement).dataset['state'] = state;
  setText(byId('state-text', HTMLSpanElement), text);
}

/** @param {string | null} text */
function showAlarm(text) {
  alarm.hidden = text === null;
  setText(alarm, text ?? '');
}

/** @param {Stats} stats */
function failuresOf(stats) {
  const failed = stats.workers.flatMap((worker, index) => (worker.failed ? [index] : []));
  if (failed.length === 0) return null;
  const which = failed.length === 1 ? `Worker ${failed[0]} has` : `Workers ${failed.join(', ')} have`;
  return `${which} failed and serve nobody any more. The log says why; only a restart of the server brings them back.`;
}

/** Plots what there is, also while the server does not answer. */
function plot() {
  for (const { plot, lines } of PLOTS) {
    plot.show(lines.map((line) => history.moments.map((moment) => (moment === null ? null : line(moment)))));
  }
}

/** @param {Report} report */
function tell(report) {
  if ('wants' in report) {
    showState('token', 'Wants a token');
    setText(byId('token-problem', HTMLParagraphElement), report.said && `That one will not do: ${report.said}.`);
    figures.hidden = true;
    showAlarm(null);
    if (form.hidden || report.said) {
      form.hidden = false;
      field.focus();
      field.select();
    }
    return;
  }
  form.hidden = true;
  if ('gone' in report) {
    showState('gone', 'No answer');
    const last = history.latest ? ' Below is what it said last.' : '';
    showAlarm(`The server does not answer: ${report.gone}.${last} Trying again each second.`);
    figures.classList.add('stale');
    history.miss();
    if (history.latest) plot();
    return;
  }
  const { stats } = report;
  history.add(stats);
  showState('live', 'Live');
  showAlarm(failuresOf(stats));
  figures.classList.remove('stale');
  figures.hidden = false;
  setText(
    byId('server', HTMLParagraphElement),
    `${location.host} · version ${stats.version} · up for ${age(stats.uptime_seconds)}`,
  );
  for (const show of counts) show(stats);
  plot();
  showWorkers(stats);
  showDrops(stats);
}

const feed = new Feed(tell);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (token !== '') feed.useToken(token);
});
