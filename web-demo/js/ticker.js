/** A worker that ticks. Timers of a page in the background run once a second; those of a worker keep their pace. */

const FRAMES_PER_SECOND = 30;

setInterval(() => postMessage(null), 1000 / FRAMES_PER_SECOND);
