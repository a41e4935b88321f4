/**
 * The page in the room: everybody's pictures and names, one's own controls, and what there is to know about the
 * connection. It draws what Session and LocalMedia say, and asks them for what the visitor wants.
 *
 * @import {Session, News} from './session.js'
 * @import {Input, LocalMedia} from './local-media.js'
 * @import {TileState} from './tile.js'
 */

import { DeviceError, canShareScreen } from './devices.js';
import { byId, setIcon, setText, within } from './dom.js';
import { FigureReader, sentSentenceOf, sentenceOf } from './figures.js';
import { copy, invitationTo } from './invitation.js';
import { INPUTS } from './local-media.js';
import { Loudspeaker } from './loudspeaker.js';
import { Notices } from './notices.js';
import { connectionSentence, connectionText, deviceSentence, newsSentence, screenSentence } from './sentences.js';
import { TileGrid } from './tile-grid.js';
import { Viewing } from './viewing.js';

/** How often figures are read, in milliseconds. */
const FIGURES_INTERVAL = 1_000;

/** How long the button says that the link was copied, in milliseconds. */
const COPIED_FOR = 2_500;

/** Lines that the log for screen readers keeps. */
const LOG_LINES = 20;

const SELF = 'self';

/** @type {Record<Input, [string, string]>} What a press on the button does, while it is on and while it is off. */
const CONTROL_LABELS = { microphone: ['Mute', 'Unmute'], camera: ['Stop camera', 'Start camera'] };

export class RoomView {
  #view = byId('room-view', HTMLElement);
  #title = byId('room-title', HTMLElement);
  #people = new TileGrid(byId('people', HTMLUListElement), { croppable: true });
  #screens = new TileGrid(byId('screens', HTMLUListElement), { croppable: false });
  #notices = new Notices();
  #loudspeaker = new Loudspeaker(() => this.#showSound());
  /** @type {FigureReader | null} */
  #figures = null;
  #drawPending = false;
  /** The track that matters most. @type {string | null} */
  #pinned = null;
  /** The session that was told. @type {string | null} */
  #toldSession = null;
  #viewing = new Viewing((tracks) => this.#session.view(tracks));
  /** @type {Session} */
  #session;
  /** @type {LocalMedia} */
  #local;
  /** @type {ReturnType<typeof setInterval>} */
  #timer;

  /**
   * @param {Session} session
   * @param {LocalMedia} local
   */
  constructor(session, local) {
    this.#session = session;
    this.#local = local;
    this.#view.hidden = false;
    byId('leave-button', HTMLButtonElement).onclick = () => session.leave();
    byId('screen-button', HTMLButtonElement).onclick = () => void this.#toggleScreen();
    byId('screen-button', HTMLButtonElement).hidden = !canShareScreen();
    byId('figures-button', HTMLButtonElement).onclick = () => this.#toggleFigures();
    for (const input of INPUTS) {
      byId(`${input}-button`, HTMLButtonElement).onclick = () => void local.turn(input, !local[input].on);
    }
    const link = invitationTo(session.room);
    setText(byId('alone-link', HTMLElement), link);
    this.#offersCopy(byId('invite-button', HTMLButtonElement), byId('invite-text', HTMLElement), link);
    this.#offersCopy(byId('alone-copy', HTMLButtonElement), byId('alone-copy', HTMLElement), link);
    this.#timer = setInterval(() => void this.#readFigures(), FIGURES_INTERVAL);
    this.draw();
    this.#title.focus({ preventScroll: true });
  }

  close() {
    this.#view.hidden = true;
    clearInterval(this.#timer);
    this.#loudspeaker.close();
    this.#viewing.close();
    this.#notices.clear();
    this.#people.show(new Map());
    this.#screens.show(new Map());
  }

  /** Draws soon, once for all that changes in the meantime. */
  changed() {
    if (this.#drawPending) return;
    this.#drawPending = true;
    queueMicrotask(() => {
      this.#drawPending = false;
      if (!this.#view.hidden) this.draw();
    });
  }

  /** Tells whoever listens. @param {News} news */
  tell(news) {
    const sentence = newsSentence(news);
    const log = byId('news', HTMLElement);
    const line = document.createElement('p');
    line.textContent = sentence;
    log.append(line);
    while (log.childElementCount > LOG_LINES) log.firstElementChild?.remove();
    if (news.type === 'refused' || news.type === 'muted-by-admin') this.#notices.pass(news.type, sentence);
  }

  draw() {
    const session = this.#session;
    const people = session.participants;
    const count = people.length + 1;
    setText(this.#title, session.room);
    document.title = `${session.room} (${count}) · Switchyard`;
    setText(byId('people-count', HTMLElement), count === 1 ? '1 person' : `${count} people`);
    const { tone, text } = connectionText(session);
    byId('connection', HTMLElement).dataset.tone = tone;
    setText(byId('connection-text', HTMLElement), text);
    this.#notices.set('connection', connectionSentence(session));
    this.#notices.set('devices', deviceSentence(this.#local.camera, this.#local.microphone));

    const screens = this.#screenStates();
    byId('screens', HTMLElement).hidden = screens.size === 0;
    byId('stage', HTMLElement).toggleAttribute('data-screens', screens.size > 0);
    const alone = people.length === 0 && session.phase === 'live' && screens.size === 0;
    byId('alone', HTMLElement).hidden = !alone;
    byId('stage', HTMLElement).toggleAttribute('data-alone', alone);
    this.#screens.show(screens);
    this.#people.show(this.#peopleStates());
    this.#showSpeaking();

    this.#drawViewing();
    this.#drawControls();
    this.#loudspeaker.play(session.media.receivers);
  }

  #peopleStates() {
    const session = this.#session;
    /** @type {Map<string, TileState>} */
    const states = new Map();
    for (const participant of session.participants) {
      const tracks = [...participant.tracks.values()];
      const camera = tracks.find(({ source }) => source === 'camera');
      const microphone = tracks.find(({ source }) => source === 'microphone');
      states.set(participant.id, {
        name: participant.name,
        self: false,
        kind: 'person',
        picture: camera && !camera.muted ? (session.slotOf(camera.id)?.receiver.track ?? null) : null,
        muted: microphone?.muted ?? true,
        mirrored: false,
        ...this.#attention(camera && !camera.muted ? camera.id : null),
      });
    }
    const { camera, microphone } = this.#local;
    states.set(SELF, {
      name: session.name,
      self: true,
      kind: 'person',
      picture: camera.track,
      muted: !microphone.on,
      mirrored: !camera.synthetic,
      ...this.#attention(null),
    });
    return states;
  }

  #screenStates() {
    const session = this.#session;
    /** @type {Map<string, TileState>} */
    const states = new Map();
    const common = /** @type {const} */ ({ kind: 'screen', muted: false, mirrored: false });
    for (const { name, tracks } of session.participants) {
      for (const { id, source } of tracks.values()) {
        if (source !== 'screen') continue;
        const picture = session.slotOf(id)?.receiver.track ?? null;
        states.set(id, { ...common, name, self: false, picture, ...this.#attention(id) });
      }
    }
    const own = session.media.screen;
    if (own !== null) states.set(SELF, { ...common, name: session.name, self: true, picture: own, ...this.#attention(null) });
    return states;
  }

  /** What a tile says and asks of a track that somebody else sends. @param {string | null} trackId */
  #attention(trackId) {
    const paused = trackId !== null && this.#session.isPaused(trackId);
    const pinned = trackId !== null && trackId === this.#pinned;
    return { paused, pinned, pin: trackId === null ? null : () => this.#togglePin(trackId) };
  }

  /** @param {string} trackId */
  #togglePin(trackId) {
    this.#pinned = this.#pinned === trackId ? null : trackId;
    this.#session.pin(this.#pinned);
    this.draw();
  }

  /** Tells which tile shows which track. */
  #drawViewing() {
    if (this.#toldSession !== this.#session.id) {
      // Another session knows nothing of what was said in the one before.
      this.#toldSession = this.#session.id;
      if (this.#pinned !== null) this.#session.pin(this.#pinned);
      this.#viewing.repeat();
    }
    /** @type {Map<Element, string>} */
    const shown = new Map();
    for (const { id, tracks } of this.#session.participants) {
      for (const track of tracks.values()) {
        const tile = track.source === 'camera' ? this.#people.tile(id) : this.#screens.tile(track.id);
        if (track.kind === 'video' && tile !== null) shown.set(tile.element, track.id);
      }
    }
    this.#viewing.show(shown);
  }

  #drawControls() {
    for (const input of INPUTS) {
      const { on, opening } = this.#local[input];
      const button = byId(`${input}-button`, HTMLButtonElement);
      button.disabled = !this.#session.mayPublish;
      button.toggleAttribute('data-off', !on);
      button.toggleAttribute('data-busy', opening);
      setIcon(button, on ? input : `${input}-off`);
      setText(within(button, 'span', HTMLElement), CONTROL_LABELS[input][on ? 0 : 1]);
    }
    const screen = byId('screen-button', HTMLButtonElement);
    screen.disabled = !this.#session.mayPublish;
    screen.toggleAttribute('data-active', this.#session.media.screen !== null);
    setText(within(screen, 'span', HTMLElement), this.#session.media.screen ? 'Stop sharing' : 'Share screen');
  }

  async #toggleScreen() {
    const { media } = this.#session;
    try {
      if (media.screen !== null) await media.stopSharing();
      else await media.shareScreen();
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      const sentence = screenSentence(error.problem);
      if (sentence !== null) this.#notices.pass('screen', sentence);
    }
  }

  #showSound() {
    const { blocked } = this.#loudspeaker;
    const action = { label: 'Hear everybody', act: () => void this.#loudspeaker.unblock() };
    this.#notices.set('sound', blocked ? 'Your browser waits for a click before it plays sound.' : null, action);
  }

  #showSpeaking() {
    for (const { id } of this.#session.participants) this.#markSpeaking(id, this.#session.speaks(id));
    this.#markSpeaking(SELF, this.#session.iSpeak);
  }

  /** @param {string} key @param {boolean} speaking */
  #markSpeaking(key, speaking) {
    const tile = this.#people.tile(key);
    if (tile !== null) tile.speaking = speaking;
  }

  #toggleFigures() {
    this.#figures = this.#figures === null ? new FigureReader() : null;
    byId('figures-button', HTMLButtonElement).setAttribute('aria-pressed', String(this.#figures !== null));
    void this.#readFigures();
  }

  async #readFigures() {
    const report = this.#figures === null ? null : await this.#session.media.stats();
    const figures = report === null ? null : (this.#figures?.read(report) ?? null);
    /** @param {string | undefined} mid */
    const received = (mid) => {
      const read = mid === undefined ? undefined : figures?.received.get(mid);
      return figures === null ? null : read === undefined ? 'no picture' : sentenceOf(read);
    };
    for (const { id, tracks } of this.#session.participants) {
      for (const track of tracks.values()) {
        const mid = this.#session.slotOf(track.id)?.mid;
        const tile = track.source === 'camera' ? this.#people.tile(id) : this.#screens.tile(track.id);
        if (track.kind === 'video' && tile !== null) tile.figures = received(mid);
      }
    }
    const own = this.#people.tile(SELF);
    if (own !== null) own.figures = figures === null ? null : sentSentenceOf(figures.sent);
  }

  /** @param {HTMLButtonElement} button @param {HTMLElement} label @param {string} link */
  #offersCopy(button, label, link) {
    const words = label.dataset.words ?? label.textContent ?? '';
    label.dataset.words = words;
    setText(label, words);
    button.onclick = async () => {
      const copied = await copy(link);
      setText(label, copied ? 'Copied' : 'Copy it from the address bar');
      setTimeout(() => setText(label, words), COPIED_FOR);
    };
  }
}
