/** Starts the verify page: its worker at once, so that judging needs no network, and a record named in the address. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import '../person/person.css';
import './verify.css';
import { showPage } from '../parts/show-page.ts';
import { openDesk } from './desk.ts';
import { openJudgeRoom } from './judge-room.ts';
import { keepForOffline } from './keep-for-offline.ts';
import { Page } from './page.tsx';
import { fetchResults } from './results-arriving.ts';

const desk = openDesk(openJudgeRoom(), (path) => fetch(path), location.origin);
/** A QR code leads here with its mark behind the `#`, also where this page stands open already; a mark needs no escapes. */
function takeAddress(): void {
  if (location.hash.length > 1) void desk.takeText(location.hash.slice(1));
}

showPage(() => <Page desk={desk} />);
fetchResults().then(
  () => {
    takeAddress();
    addEventListener('hashchange', takeAddress);
  },
  () => desk.say('notLoaded'),
);
keepForOffline();
