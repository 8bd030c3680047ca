/** The parts of the page that tell what was decided and every entry: fetched beside the log, not in front of it. */
export { DrawingPart } from '../drawing/drawing-part.tsx';
export { LayerPart } from '../holding/layer-part.tsx';
export { Feed } from './feed.tsx';
export { NoticeColumn } from './notice-column.tsx';
export { Objections } from './objections.tsx';
export { Prices } from './prices.tsx';
export { RecordPart } from './record.tsx';
