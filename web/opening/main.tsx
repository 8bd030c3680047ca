/** Starts the page of one opening. */
import { render } from 'preact';

const place = document.getElementById('page');
if (place === null) throw new Error('the page has no place for its content');
render(<h1>开标</h1>, place);
