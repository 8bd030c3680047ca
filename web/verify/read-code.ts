/** Reads a QR code in a picture: by the browser where it can, else by a reader that is loaded with the page. */
import decodeQR from 'qr/decode.js';

type Detector = { detect(image: ImageBitmap): Promise<readonly { readonly rawValue: string }[]> };
type DetectorClass = new (options: { formats: readonly string[] }) => Detector;

/** A single picture may take longer than a frame of a camera. */
const TIME_LIMIT_MS = 3_000;
/** Longest side of the picture that is searched, px: a phone's is three times as large and no better. */
const SIDE_LIMIT_PX = 1_600;

/** The text of the first code; null where none is found, or the file is no picture. */
export async function readCode(picture: Blob): Promise<string | null> {
  const image = await createImageBitmap(picture).catch((fault: unknown) => {
    if (fault instanceof DOMException) return null;
    throw fault;
  });
  if (image === null) return null;
  return (await readByBrowser(image)) ?? readPlainly(image);
}

async function readByBrowser(image: ImageBitmap): Promise<string | null> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorClass };
  if (BarcodeDetector === undefined) return null;
  try {
    const [code] = await new BarcodeDetector({ formats: ['qr_code'] }).detect(image);
    return code?.rawValue ?? null;
  } catch (fault) {
    // it is there and has no service behind it
    if (fault instanceof DOMException) return null;
    throw fault;
  }
}

function readPlainly(image: ImageBitmap): string | null {
  const scale = Math.min(1, SIDE_LIMIT_PX / Math.max(image.width, image.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  const context = canvas.getContext('2d');
  if (context === null) return null;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  try {
    return decodeQR({ data, width, height }, { timeLimit: TIME_LIMIT_MS });
  } catch (fault) {
    // the reader throws for every picture without a code
    if (fault instanceof Error) return null;
    throw fault;
  }
}
