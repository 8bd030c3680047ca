/** Starts the phone's page: the code is taken out of the address at once, so that neither history nor anybody's glance keeps it. */
import '../parts/old-browsers.ts';
import '../parts/tokens.css';
import '../parts/base.css';
import '../parts/pieces.css';
import '../opening/opening.css';
import '../person/person.css';
import './phone.css';
import { phoneMail } from '../keys/phone-mail.ts';
import { showPage } from '../parts/show-page.ts';
import { clientWorld, pageTransport } from '../person/page-transport.ts';
import { createPhoneDesk } from './desk.ts';
import { Page } from './page.tsx';

const { hash, origin } = location;
history.replaceState(null, '', location.pathname);
const world = clientWorld(() => Date.now());
const desk = createPhoneDesk({
  subtle: (globalThis.crypto as Crypto | undefined)?.subtle,
  mail: phoneMail(pageTransport(world)),
  world,
  origin,
  fragment: hash,
  hold: async (...given) => (await import('./hold.ts')).holdKeys(...given),
  onFault(fault) {
    throw fault;
  },
});
// a phone that slept looks as soon as it wakes; another code that is scanned is another pairing
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') desk.look();
});
addEventListener('hashchange', () => location.reload());
showPage(() => <Page desk={desk} now={world.now} />);
