/** A room that outgrows the slots of the first offer, and sound that waits for a click. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { identityOf } from '../js/mark.js';
import { screenshotFile } from './artifacts.js';
import { startBrowser } from './browsers.js';
import { eventually, join } from './people.js';
import { installEyes } from './probe.js';
import { startServer } from './server.js';

/** @import {TestBrowser} from './browsers.js' */
/** @import {LookAt} from './probe.js' */
/** @import {TestServer} from './server.js' */

/** @type {TestServer} */
let server;
/** @type {TestBrowser[]} */
let browsers = [];

before(async () => {
  server = await startServer();
});

after(async () => {
  for (const browser of browsers) await browser.close();
  await server?.stop();
});

/** @param {Parameters<typeof startBrowser>} how */
async function opened(...how) {
  const browser = await startBrowser(...how);
  browsers.push(browser);
  return browser;
}

/** More than the four slots for pictures that the page offers at first. */
const CROWD = ['Grace', 'Alan', 'Katherine', 'Linus', 'Barbara', 'Edsger'];

/**
 * Somebody who only sends: small pictures, so that one machine carries many.
 *
 * @param {{name: string, room: string}} who
 */
async function publishSmall({ name, room }) {
  const [{ drawMark, identityOf: identify }, { syntheticMicrophone }] = await Promise.all([
    import(new URL('js/mark.js', document.baseURI).href),
    import(new URL('js/synthetic.js', document.baseURI).href),
  ]);
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const context = canvas.getContext('2d');
  const video = canvas.captureStream().getVideoTracks()[0];
  if (!context || !video) throw new Error('no canvas');
  const draw = () => {
    context.fillStyle = '#446';
    context.fillRect(0, 0, 320, 180);
    drawMark(context, 320, 180, 200, identify(name), Date.now());
  };
  draw();
  setInterval(draw, 100);
  const connection = new RTCPeerConnection();
  connection.addTransceiver(syntheticMicrophone(name).track, { direction: 'sendonly' });
  connection.addTransceiver(video, { direction: 'sendonly' });
  const url = new URL('ws', document.baseURI);
  url.protocol = 'ws:';
  url.search = '';
  const socket = new WebSocket(url);
  socket.onopen = () => socket.send(JSON.stringify({ type: 'join', room, name }));
  socket.onmessage = async ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === 'joined') {
      await connection.setLocalDescription();
      socket.send(JSON.stringify({ type: 'offer', sdp: connection.localDescription?.sdp }));
    } else if (message.type === 'answer') await connection.setRemoteDescription(message);
  };
}

test('a room that outgrows its slots gets more, and everybody is shown', async () => {
  const chromium = await opened('chromium');
  const ada = await join(chromium, server, 'crowd', 'Ada');
  await eventually('Ada is in the room', async () => {
    const text = await ada.page.evaluate(() => document.getElementById('connection')?.textContent);
    return text === 'Connected' ? null : `her page says ${text}`;
  });
  const crowd = await chromium.newPage();
  await crowd.goto(`${server.url}/?camera=none&microphone=none`);
  for (const name of CROWD) await crowd.evaluate(publishSmall, { name, room: 'crowd' });

  await eventually('Ada sees everybody under their own name', async () => {
    const wrong = [];
    for (const name of CROWD) {
      const shown = await ada.page.evaluate((wanted) => {
        const { lookAt } = /** @type {{lookAt: LookAt}} */ (/** @type {unknown} */ (globalThis));
        const tiles = [...document.querySelectorAll('#people .tile[data-picture]')];
        const tile = tiles.find((candidate) => candidate.querySelector('.plate-name')?.textContent === wanted);
        return lookAt(tile?.querySelector('video') ?? null);
      }, name);
      if (shown?.identity !== identityOf(name)) wrong.push(`${name}: ${JSON.stringify(shown)}`);
    }
    return wrong.length === 0 ? null : wrong.join('; ');
  });
  await ada.page.screenshot(screenshotFile('room-crowd'));
  await ada.page.resize(360, 740);
  await ada.page.screenshot(screenshotFile('room-crowd-phone'));
});

test('sound that the browser holds back is asked for, and comes after a click', async () => {
  const quiet = await opened('chromium', { autoplay: false });
  const listener = await join(quiet, server, 'quiet', 'Ada');
  const notice = () => listener.page.evaluate(() => document.getElementById('notices')?.textContent?.trim() ?? '');
  await eventually('the page asks for a click', async () => {
    const text = await notice();
    return text.includes('waits for a click') ? null : `it says “${text}”`;
  });
  await listener.page.screenshot(screenshotFile('sound-blocked'));
  await listener.page.click('.notice button');
  await eventually('the notice goes', async () => {
    const text = await notice();
    return text === '' ? null : `it says “${text}”`;
  });
  await listener.page.evaluate(installEyes);
  assert.deepEqual(listener.page.problems, []);
});
