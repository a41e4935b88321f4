/**
 * Where the page begins: reads the link, and goes from joining to the room to the end and back.
 *
 * The link may hold `room` and `name`, which fill in the form; `join=1`, which joins at once; `camera` and
 * `microphone` (`device`, `synthetic` or `none`); `codec` (`vp8`, `vp9`, `h264` or `av1`); and `token`.
 *
 * @import {Choice, Input} from './local-media.js'
 * @import {Entry} from './join-view.js'
 * @import {Ending} from './session.js'
 */

import { byId, setText } from './dom.js';
import { CODECS } from './encodings.js';
import { invitationTo } from './invitation.js';
import { JoinView } from './join-view.js';
import { INPUTS, LocalMedia } from './local-media.js';
import { displayNameFrom, newRoomName, roomNameFrom } from './names.js';
import { RoomView } from './room-view.js';
import { overText } from './sentences.js';
import { Session } from './session.js';

const NAME_KEY = 'switchyard.name';

const link = new URLSearchParams(location.search);
const local = new LocalMedia();
const joinView = new JoinView(local, (entry) => enter(entry));

/** @type {Session | null} */
let session = null;

/** The last room one was in, or is about to join. @type {Entry} */
let entry = {
  name: displayNameFrom(link.get('name') ?? remembered()),
  room: roomNameFrom(link.get('room') ?? '') || newRoomName(),
};

await local.rename(entry.name || 'Guest');
const opened = local.choose(Object.fromEntries(INPUTS.map((input) => [input, linkedChoice(input)])));
joinView.show(entry);
if (link.get('join') === '1' && entry.name !== '' && link.has('room')) {
  await opened;
  enter(entry);
}

// Others should not have to wait until the server notices that this page is gone.
addEventListener('pagehide', () => session?.leave());

byId('again-button', HTMLButtonElement).onclick = async () => {
  byId('over-view', HTMLElement).hidden = true;
  await local.reopen();
  enter(entry);
};
byId('start-button', HTMLButtonElement).onclick = () => {
  byId('over-view', HTMLElement).hidden = true;
  joinView.show(entry);
  void local.reopen();
};

/** @param {Entry} chosen */
function enter(chosen) {
  entry = chosen;
  remember(entry.name);
  void local.rename(entry.name);
  joinView.hide();
  history.replaceState(null, '', addressOf(entry.room));
  const url = new URL('ws', location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = '';
  /** @type {RoomView | null} */
  let view = null;
  const entered = new Session({
    ...entry,
    url: url.href,
    token: link.get('token'),
    local,
    codec: CODECS.find((codec) => codec === link.get('codec')) ?? null,
    onChange: () => {
      view?.changed();
      if (entered.ending !== null && view !== null) {
        view.close();
        view = null;
        end(entered.ending);
      }
    },
    onNews: (news) => view?.tell(news),
  });
  view = new RoomView(entered, local);
  session = entered;
  // For whoever opens the console, and for the tests in test/.
  Object.assign(globalThis, { switchyard: { session, local } });
}

/**
 * What is in the address bar is the invitation, and survives a reload.
 *
 * @param {string} room
 */
function addressOf(room) {
  const url = new URL(invitationTo(room));
  const token = link.get('token');
  if (token !== null) url.searchParams.set('token', token);
  return url.href;
}

/** @param {Ending} ending */
function end(ending) {
  session = null;
  local.close();
  const { title, text, again } = overText(ending, entry.room);
  setText(byId('over-title', HTMLElement), title);
  setText(byId('over-text', HTMLElement), text);
  byId('again-button', HTMLElement).hidden = !again;
  byId('over-view', HTMLElement).hidden = false;
  document.title = `${title} · Switchyard`;
  byId('over-title', HTMLElement).focus({ preventScroll: true });
}

/**
 * @param {Input} input
 * @returns {Choice}
 */
function linkedChoice(input) {
  const choice = link.get(input);
  return choice === 'synthetic' || choice === 'none' ? choice : 'device:';
}

function remembered() {
  try {
    return localStorage.getItem(NAME_KEY) ?? '';
  } catch {
    return ''; // The browser keeps nothing for this page.
  }
}

/** @param {string} name */
function remember(name) {
  try {
    localStorage.setItem(NAME_KEY, name);
  } catch {
    // Then it is typed again next time.
  }
}
