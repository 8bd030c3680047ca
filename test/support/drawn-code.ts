/** Reads a QR code as a camera would see it: its modules as a picture, the border of light around them. */
import decodeQR from 'qr/decode.js';

/** Pixels of a module. */
const SCALE = 4;

/** The text in rows of modules, true for dark. Throws: the reader's Error where there is none. */
export function readDrawnCode(modules: readonly (readonly boolean[])[]): string {
  const side = modules.length * SCALE;
  const data = new Uint8ClampedArray(side * side * 4).fill(255);
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const isDark = modules[Math.floor(y / SCALE)]?.[Math.floor(x / SCALE)] === true;
      if (isDark) data.fill(0, (y * side + x) * 4, (y * side + x) * 4 + 3);
    }
  return decodeQR({ data, width: side, height: side });
}
