/** Starts the page on which a host drafts an opening: a new one, or one whose draft is to be changed. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import '../person/person.css';
import './draft.css';
import { render } from 'preact';
import { createDesk } from './desk.ts';
import { Page } from './page.tsx';

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for its content');
// `/draft?opening=<id>`: the draft of that opening; anything else is a new one
const asked = new URLSearchParams(location.search).get('opening');
const isId = asked !== null && /^[a-z0-9][a-z0-9-]{0,62}[a-z0-9]$/.test(asked);
render(<Page desk={createDesk(isId ? asked : null)} />, place);
// Behind the first picture: only machines without a Chinese font of their own ever fetch a slice of it.
void import('../parts/font.css');
