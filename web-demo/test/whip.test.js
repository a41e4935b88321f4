/** Broadcasting from a script with WHIP, and playing with WHEP and in the room. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from '../js/mark.js';
import { startBrowser } from './browsers.js';
import { eventually, join } from './people.js';
import { installEyes } from './probe.js';
import { startServer } from './server.js';

/** @import {TestBrowser, TestPage} from './browsers.js' */
/** @import {LookAt, PictureSample} from './probe.js' */
/** @import {TestServer} from './server.js' */

/** What the broadcast's picture says that it is. */
const SHOWN = 'Broadcast';

/** @type {TestServer} */
let server;
/** @type {TestBrowser} */
let chromium;
/** @type {TestBrowser} */
let firefox;

before(async () => {
  server = await startServer();
  chromium = await startBrowser('chromium');
  firefox = await startBrowser('firefox');
});

after(async () => {
  await chromium?.close();
  await firefox?.close();
  await server?.stop();
});

/** @param {TestBrowser} browser */
async function scriptPage(browser) {
  const page = await browser.newPage();
  // Any page of the server will do: the scripts use its synthetic source and its marks.
  await page.goto(`${server.url}/?camera=none&microphone=none`);
  await page.evaluate(installEyes);
  return page;
}

/**
 * Offers, and takes the answer, as WHIP and WHEP both do.
 *
 * @param {{path: string, publish: string | null}} request `publish`: the name that the picture shows; null to play.
 * @returns {Promise<{status: number, location: string | null, problem: string}>}
 */
async function post({ path, publish }) {
  const connection = new RTCPeerConnection();
  const video = document.createElement('video');
  Object.assign(globalThis, { broadcast: { connection, video } });
  if (publish === null) {
    const stream = new MediaStream();
    connection.ontrack = ({ track }) => stream.addTrack(track);
    connection.addTransceiver('audio', { direction: 'recvonly' });
    connection.addTransceiver('video', { direction: 'recvonly' });
    video.autoplay = true; // With sound: Chromium decodes none that nobody could hear.
    video.srcObject = stream;
    document.body.append(video);
  } else {
    const { syntheticCamera, syntheticMicrophone } = await import(new URL('js/synthetic.js', document.baseURI).href);
    connection.addTransceiver(syntheticMicrophone(publish).track, { direction: 'sendonly' });
    connection.addTransceiver(syntheticCamera(publish).track, { direction: 'sendonly' });
  }
  await connection.setLocalDescription();
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp' },
    body: connection.localDescription?.sdp ?? '',
  });
  const text = await response.text();
  if (response.status === 201) await connection.setRemoteDescription({ type: 'answer', sdp: text });
  return { status: response.status, location: response.headers.get('location'), problem: response.ok ? '' : text };
}

/**
 * What a player gets: frames, energy, and what the picture shows.
 *
 * @returns {Promise<{state: string, frames: number, energy: number, picture: PictureSample | null}>}
 */
async function samplePlayer() {
  const { broadcast, lookAt } =
    /** @type {{broadcast: {connection: RTCPeerConnection, video: HTMLVideoElement}, lookAt: LookAt}} */ (
      /** @type {unknown} */ (globalThis)
    );
  let frames = 0;
  let energy = 0;
  for (const entry of (await broadcast.connection.getStats()).values()) {
    if (entry.type !== 'inbound-rtp') continue;
    frames += entry.framesDecoded ?? 0;
    energy += entry.totalAudioEnergy ?? 0;
  }
  return { state: broadcast.connection.connectionState, frames, energy, picture: await lookAt(broadcast.video) };
}

/** @param {TestPage} page */
async function plays(page) {
  await eventually(`${page.browser} plays the broadcast`, async () => {
    const before = await page.evaluate(samplePlayer);
    await sleep(4_000);
    const after = await page.evaluate(samplePlayer);
    const described = JSON.stringify(after);
    if (after.frames - before.frames < 20) return `only ${after.frames - before.frames} frames in 4 s: ${described}`;
    if (!(after.energy > before.energy)) return `it is silent: ${described}`;
    if (after.picture?.identity !== identityOf(SHOWN)) return `the picture is another: ${described}`;
    if ((after.picture.age ?? Infinity) > 2_000) return `the picture is too old: ${described}`;
    return null;
  });
}

test('what a script publishes with WHIP plays with WHEP in both browsers and in the room, until it is deleted', async () => {
  const early = await scriptPage(firefox);
  const refused = await early.evaluate(post, { path: '/whep/stage', publish: null });
  assert.equal(refused.status, 409, `playing before anybody is live: ${JSON.stringify(refused)}`);
  await early.close();

  const publisher = await scriptPage(chromium);
  const published = await publisher.evaluate(post, { path: '/whip/stage', publish: SHOWN });
  assert.equal(published.status, 201, published.problem);
  assert.ok(published.location, 'the session has no address');

  const guest = await join(chromium, server, 'stage', 'Guest');
  await eventually('the broadcast is shown in the room', async () => {
    const picture = await guest.page.evaluate(() => {
      const { lookAt } = /** @type {{lookAt: LookAt}} */ (/** @type {unknown} */ (globalThis));
      return lookAt(document.querySelector('#people .tile:not([data-self])[data-picture] video'));
    });
    return picture?.identity === identityOf(SHOWN) ? null : `the tile shows ${JSON.stringify(picture)}`;
  });
  // With the guest gone, the broadcast is again the newest camera of the room.
  await guest.page.close();

  const players = [];
  for (const browser of [chromium, firefox]) {
    const page = await scriptPage(browser);
    await eventually(`${browser.name} may play`, async () => {
      const played = await page.evaluate(post, { path: '/whep/stage', publish: null });
      return played.status === 201 ? null : `${played.status} ${played.problem}`;
    });
    players.push(page);
  }
  await Promise.all(players.map(plays));

  const gone = await publisher.evaluate(
    async (location) => (await fetch(location, { method: 'DELETE' })).status,
    published.location,
  );
  assert.equal(gone, 200);
  const again = await publisher.evaluate(
    async (location) => (await fetch(location, { method: 'DELETE' })).status,
    published.location,
  );
  assert.equal(again, 404, 'a session that is over');
});
