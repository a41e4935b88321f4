/**
 * Runs inside a page: gives it a camera whose picture takes what a layer may have, something detailed that moves; the
 * page's own synthetic one takes little. As small as a camera with three layers can be and at half the usual frames, so
 * that a machine on which three browsers encode and decode it has time left.
 */
export async function openDetailedCamera() {
  navigator.mediaDevices.getUserMedia = async () => {
    const [width, height] = [960, 540];
    const detail = new OffscreenCanvas(320, 180);
    const pixels = new ImageData(320, 180);
    for (let n = 0; n < pixels.data.length; n++) pixels.data[n] = Math.random() * 255;
    detail.getContext('2d')?.putImageData(pixels, 0, 0);
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d', { alpha: false });
    let turn = 0;
    const ticker = new Worker(new URL('js/ticker.js', document.baseURI));
    let tick = 0;
    ticker.onmessage = () => {
      if (context === null || tick++ % 2 === 1) return;
      context.fillStyle = '#246';
      context.fillRect(0, 0, width, height);
      context.save();
      context.translate(width / 2, height / 2);
      context.rotate((turn += 0.05));
      context.drawImage(detail, -160, -90);
      context.restore();
    };
    return canvas.captureStream();
  };
  const { switchyard } = /** @type {any} */ (globalThis);
  await switchyard.local.choose({ camera: 'device:' });
}
