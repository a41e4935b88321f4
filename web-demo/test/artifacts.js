/** Where tests leave what a person may want to look at: screenshots, and what the server said. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';

export const ARTIFACTS = process.env['ARTIFACTS'] ?? path.resolve(import.meta.dirname, 'artifacts');

mkdirSync(ARTIFACTS, { recursive: true });

/** @param {string} name Without an ending. */
export function screenshotFile(name) {
  return path.join(ARTIFACTS, `${name.replace(/[^a-z0-9-]+/gi, '-')}.png`);
}
