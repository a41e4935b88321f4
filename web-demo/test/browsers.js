/**
 * Starts real browsers, headless, with fake cameras and microphones, each in a profile directory of its own.
 *
 * Chromium is driven over its own protocol (playwright-core), Firefox over WebDriver BiDi (puppeteer-core); both
 * offer the same few verbs here, so that a scenario need not know which browser it runs in.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';

/** @typedef {'chromium' | 'firefox'} BrowserName */

/** @type {readonly BrowserName[]} */
export const BROWSERS = ['chromium', 'firefox'];

/**
 * @typedef {object} BrowserOptions
 * @property {boolean} [dark] Prefers a dark page.
 * @property {boolean} [devices] Whether there are (fake) cameras and microphones; default true.
 * @property {boolean} [allowed] Whether the visitor allows their use; default true.
 * @property {boolean} [autoplay] Whether sound may play before a click; default true.
 */

/**
 * @typedef {object} TestPage
 * @property {BrowserName} browser
 * @property {(url: string) => Promise<void>} goto
 * @property {<A, R>(fn: (argument: A) => R | Promise<R>, argument?: A) => Promise<Awaited<R>>} evaluate
 * @property {(selector: string) => Promise<void>} click
 * @property {(selector: string, text: string) => Promise<void>} fill
 * @property {(key: string) => Promise<void>} press
 * @property {(width: number, height: number) => Promise<void>} resize
 * @property {(file: string) => Promise<void>} screenshot
 * @property {string[]} problems What the page threw or logged as an error, oldest first.
 * @property {() => Promise<void>} close
 */

/**
 * @typedef {object} TestBrowser
 * @property {BrowserName} name
 * @property {() => Promise<TestPage>} newPage In a window of its own: a page in the background draws nothing.
 * @property {() => Promise<void>} close
 */

const WINDOW = { width: 1280, height: 800 };

/** How long one step in a browser may take, in milliseconds; a machine may be busy with another build. */
const STEP_TIMEOUT = 60_000;

/** A browser starts in seconds, or, now and then, not at all: then it is started again. */
const START_TIMEOUT = 45_000;
const START_ATTEMPTS = 3;

/**
 * @param {BrowserName} name
 * @param {BrowserOptions} [options]
 * @returns {Promise<TestBrowser>}
 */
export async function startBrowser(name, options = {}) {
  const start = name === 'chromium' ? startChromium : startFirefox;
  for (let attempt = 1; ; attempt++) {
    const profile = await mkdtemp(path.join(tmpdir(), `switchyard-${name}-`));
    const forget = () => rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    try {
      const browser = await start(profile, options);
      return {
        name,
        newPage: browser.newPage,
        close: () => browser.close().finally(forget),
      };
    } catch (error) {
      await forget();
      const first = String(error).split('\n')[0];
      if (attempt === START_ATTEMPTS) throw new Error(`${name} did not start in ${attempt} attempts: ${first}`);
      console.log(`${name} did not start (${first}); once more`);
    }
  }
}

/** @param {string} profile @param {BrowserOptions} options */
async function startChromium(profile, { dark = false, devices = true, allowed = true, autoplay = true }) {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ];
  if (devices) args.push('--use-fake-device-for-media-stream');
  if (allowed) args.push('--use-fake-ui-for-media-stream');
  if (autoplay) args.push('--autoplay-policy=no-user-gesture-required');
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    timeout: START_TIMEOUT,
    args,
    viewport: WINDOW,
    colorScheme: dark ? 'dark' : 'light',
  });
  context.setDefaultTimeout(STEP_TIMEOUT);
  return {
    async newPage() {
      const page = await context.newPage();
      const session = await context.newCDPSession(page);
      /** @type {string[]} */
      const problems = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      return /** @type {TestPage} */ ({
        browser: 'chromium',
        goto: async (url) => void (await page.goto(url)),
        // Not by page.evaluate, which counts as a gesture of the visitor: then sound would play without one.
        evaluate: async (fn, argument) => {
          const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
            expression: `(${fn})(${JSON.stringify(argument)})`,
            awaitPromise: true,
            returnByValue: true,
          });
          if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
          return result.value;
        },
        click: (selector) => page.click(selector),
        fill: (selector, text) => page.fill(selector, text),
        press: (key) => page.keyboard.press(key),
        resize: (width, height) => page.setViewportSize({ width, height }),
        screenshot: async (file) => void (await page.screenshot({ path: file })),
        problems,
        close: () => page.close(),
      });
    },
    close: () => context.close(),
  };
}

/** @param {string} profile @param {BrowserOptions} options */
async function startFirefox(profile, { dark = false, devices = true, allowed = true, autoplay = true }) {
  const permission = allowed ? 1 : 2;
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
    headless: true,
    timeout: START_TIMEOUT,
    userDataDir: profile,
    protocolTimeout: STEP_TIMEOUT,
    defaultViewport: WINDOW,
    extraPrefsFirefox: {
      'media.navigator.streams.fake': devices,
      'media.navigator.permission.disabled': allowed,
      // Without these Firefox gathers only the address of the default route, and will not pair it with 127.0.0.1.
      'permissions.default.microphone': permission,
      'permissions.default.camera': permission,
      'media.peerconnection.ice.loopback': true,
      // Only one window has the focus, and getUserMedia waits for it otherwise.
      'media.devices.unfocused.enabled': true,
      // On a machine without a sound card no AudioContext would ever run.
      'media.cubeb.force_mock_context': devices,
      'media.autoplay.default': autoplay ? 0 : 1,
      'media.autoplay.blocking_policy': 0,
      'layout.css.prefers-color-scheme.content-override': dark ? 0 : 1,
    },
  });
  return {
    async newPage() {
      const page = await browser.newPage({ type: 'window' });
      page.setDefaultTimeout(STEP_TIMEOUT);
      /** @type {string[]} */
      const problems = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
      return /** @type {TestPage} */ ({
        browser: 'firefox',
        goto: async (url) => void (await page.goto(url)),
        // The driver's types cannot follow a generic function, and need not.
        evaluate: (fn, argument) => page.evaluate(/** @type {any} */ (fn), argument),
        click: (selector) => page.click(selector),
        fill: async (selector, text) => {
          await page.$eval(selector, (field) => (/** @type {HTMLInputElement} */ (field).value = ''));
          await page.type(selector, text);
        },
        press: (key) => page.keyboard.press(/** @type {any} */ (key)),
        resize: (width, height) => page.setViewport({ width, height }),
        screenshot: async (file) => void (await page.screenshot({ path: /** @type {any} */ (file) })),
        problems,
        close: () => page.close(),
      });
    },
    close: () => browser.close(),
  };
}
