/** Starts the page on which a host drafts an opening: a new one, or one whose draft is to be changed. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import '../person/person.css';
import './draft.css';
import { showPage } from '../parts/show-page.ts';
import { createDesk } from './desk.ts';
import { Page } from './page.tsx';

// `/draft?opening=<id>`: the draft of that opening; anything else is a new one
const asked = new URLSearchParams(location.search).get('opening');
const isId = asked !== null && /^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$/.test(asked);
const desk = createDesk(isId ? asked : null);
showPage(() => <Page desk={desk} />);
