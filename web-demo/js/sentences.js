/**
 * What the page says when something happens or fails: one plain sentence, and what to do about it. Every word of
 * that kind is here.
 *
 * @import {DeviceProblem} from './devices.js'
 * @import {Input, InputState} from './local-media.js'
 * @import {Ending, News, Session} from './session.js'
 */

/** @type {Record<Input, {noun: string, standIn: string}>} */
const INPUT_WORDS = {
  camera: { noun: 'camera', standIn: 'a generated picture' },
  microphone: { noun: 'microphone', standIn: 'a soft chime' },
};

/**
 * What to say about the devices, if anything.
 *
 * @param {Readonly<InputState>} camera
 * @param {Readonly<InputState>} microphone
 * @returns {string | null}
 */
export function deviceSentence(camera, microphone) {
  if (camera.opening || microphone.opening) {
    const both = camera.opening && microphone.opening;
    const nouns = both ? 'camera and microphone' : camera.opening ? 'camera' : 'microphone';
    return `Your browser may be asking whether this page may use your ${nouns}.`;
  }
  if (camera.problem !== null && camera.problem === microphone.problem) {
    const standIns = camera.synthetic ? ' Others will see a generated picture and hear a soft chime instead.' : '';
    return problemSentence(camera.problem, 'camera and microphone', 'them') + standIns;
  }
  const sentences = /** @type {const} */ ([['camera', camera], ['microphone', microphone]]).flatMap(([input, state]) => {
    if (state.problem === null) return [];
    const { noun, standIn } = INPUT_WORDS[input];
    const verb = input === 'camera' ? 'see' : 'hear';
    const instead = state.synthetic ? ` Others will ${verb} ${standIn} instead.` : '';
    return [problemSentence(state.problem, noun, 'it') + instead];
  });
  return sentences.length > 0 ? sentences.join(' ') : null;
}

/** @param {DeviceProblem} problem @param {string} noun @param {'it' | 'them'} pronoun */
function problemSentence(problem, noun, pronoun) {
  switch (problem) {
    case 'denied':
      return `Your browser does not let this page use your ${noun}; you can allow ${pronoun} beside the address bar.`;
    case 'missing':
      return `No ${noun.replace(' and ', ' or ')} was found.`;
    case 'busy':
      return `Your ${noun} ${pronoun === 'it' ? 'is' : 'are'} in use by another program.`;
    case 'insecure':
      return `Browsers give the ${noun} only to pages that are served over HTTPS or from your own machine.`;
    case 'failed':
      return `Your ${noun} could not be started.`;
  }
}

/** @param {DeviceProblem} problem @returns {string | null} Null where the visitor only changed their mind. */
export function screenSentence(problem) {
  return problem === 'denied' ? null : 'Your screen could not be shared.';
}

/**
 * @typedef {object} OverText
 * @property {string} title
 * @property {string} text
 * @property {boolean} again Whether joining again may help.
 */

/**
 * @param {Ending} ending
 * @param {string} room
 * @returns {OverText}
 */
export function overText({ code, message }, room) {
  const known = OVER[code];
  if (known !== undefined) return { ...known, text: known.text.replace('{room}', room) };
  return { title: 'You are no longer in the room', text: `The server says: ${message}.`, again: true };
}

/** @type {Record<string, OverText>} */
const OVER = {
  left: { title: 'You left the room', text: 'Nobody there sees or hears you any more.', again: true },
  removed: { title: 'You were removed from the room', text: 'Somebody who may do so has ended your stay in “{room}”.', again: false },
  superseded: {
    title: 'You are in this room in another window',
    text: 'This window gave way to the one that you opened later.',
    again: true,
  },
  'room-full': { title: 'The room is full', text: 'As many people as it takes are in “{room}”. Try again when somebody has left.', again: true },
  'too-many-rooms': { title: 'The server is full', text: 'It has as many rooms as it takes. Try again later.', again: true },
  'too-many-participants': { title: 'The server is full', text: 'It has as many people as it takes. Try again later.', again: true },
  unauthorized: {
    title: 'This room needs an invitation',
    text: 'The link that brought you here has no valid token, or it has expired. Ask for a new one.',
    again: false,
  },
  forbidden: { title: 'Your invitation is for another room', text: 'It does not let you into “{room}”. Ask for a new link.', again: false },
  'bad-room-name': { title: 'This room cannot be joined', text: 'Its name has characters that the server does not take. Choose another.', again: false },
  'bad-display-name': { title: 'Your name was not accepted', text: 'The server does not take it. Choose another.', again: false },
  flood: { title: 'You were disconnected', text: 'This page sent more messages than the server takes.', again: true },
  'dtls-failed': {
    title: 'No secure connection',
    text: 'The server and your browser could not agree on how to encrypt sound and pictures.',
    again: true,
  },
  'fingerprint-mismatch': {
    title: 'No secure connection',
    text: 'Something between you and the server has tampered with the connection.',
    again: true,
  },
};

/**
 * How the connection does, for the lamp in the bar.
 *
 * @param {Session} session
 * @returns {{tone: 'good' | 'waiting' | 'bad', text: string}}
 */
export function connectionText({ phase, media }) {
  if (phase === 'joining') return { tone: 'waiting', text: 'Joining' };
  if (phase === 'reconnecting') return { tone: 'bad', text: 'Reconnecting' };
  switch (media.state) {
    case 'flowing':
      return { tone: 'good', text: 'Connected' };
    case 'waiting':
      return { tone: 'waiting', text: 'Connecting' };
    case 'interrupted':
      return { tone: 'waiting', text: 'Interrupted' };
    case 'blocked':
      return { tone: 'bad', text: 'No media' };
  }
}

/**
 * What the trouble is and what is done about it, if there is any.
 *
 * @param {Session} session
 * @returns {string | null}
 */
export function connectionSentence({ phase, media }) {
  if (phase === 'reconnecting') {
    return media.isAlive
      ? 'The server cannot be reached at the moment. You may still see and hear each other; the page reconnects by itself.'
      : 'The server cannot be reached. The page tries again by itself until it is back.';
  }
  if (phase !== 'live') return null;
  if (media.state === 'blocked') {
    return 'You are in the room, but sound and pictures do not get through: this network seems to block them (UDP). The page keeps trying.';
  }
  if (media.state === 'interrupted') return 'Sound and pictures are interrupted. The page is looking for another way.';
  return null;
}

/** @param {News} news */
export function newsSentence(news) {
  switch (news.type) {
    case 'arrived':
      return `${news.name} joined.`;
    case 'left':
      return `${news.name} left.`;
    case 'sharing':
      return `${news.name} shares a screen.`;
    case 'stopped-sharing':
      return `${news.name} stopped sharing.`;
    case 'reconnected':
      return 'You are connected again.';
    case 'muted-by-admin':
      return news.input === 'microphone' ? 'Somebody muted your microphone.' : 'Somebody turned your camera off.';
    case 'refused':
      return `The server refused that: ${news.message}.`;
  }
}
