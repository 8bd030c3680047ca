/** A QR code in squares: black on white whatever the page's colours are, so that every camera reads it, also from paper. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import encodeQR from 'qr';

export function QrCode({ text, label }: { text: string; label: string }): JSX.Element {
  const rows = useMemo(() => encodeQR(text, 'raw', { ecc: 'medium', border: 4 }), [text]);
  const squares = rows.flatMap((row, y) => row.flatMap((isBlack, x) => (isBlack ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <svg class="qr-code" role="img" aria-label={label} viewBox={`0 0 ${rows.length} ${rows.length}`}>
      <path class="qr-paper" d={`M0 0h${rows.length}v${rows.length}h-${rows.length}z`} />
      <path class="qr-ink" d={squares.join('')} />
    </svg>
  );
}
