/** Starts the pre-flight: reads from the address for which opening and as whom, and looks at once at what needs nobody. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import '../person/person.css';
import './preflight.css';
import { signal } from '@preact/signals';
import { lookingAs, roleOf } from '../lobby/role.ts';
import { showPage } from '../parts/show-page.ts';
import { createDesk } from './desk.ts';
import { browserHere, lineHere } from './machine.ts';
import { Page } from './page.tsx';
import { chineseVoice } from './sound.ts';

// `/preflight?opening=<id>&role=bidder`; both may be left out
const asked = new URLSearchParams(location.search);
const opening = asked.get('opening');
const openingId = opening !== null && /^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$/.test(opening) ? opening : null;
const role = asked.get('role');
const desk = createDesk(
  {
    browser: browserHere(),
    line: lineHere(),
    hasVoice: async () => (await chineseVoice()) !== null,
  },
  role === null ? lookingAs.peek() : roleOf(role),
);
const fault = signal<unknown>(null);
// what stood there for browsers that do not come so far
const place = document.getElementById('page');
if (place !== null) place.textContent = '';
showPage(() => <Page desk={desk} openingId={openingId} fault={fault} />);
desk.look().catch((error: unknown) => {
  fault.value = error;
});
