/** The words of an opening key held in shares, in the reader's language. */
import { dictionary } from '../parts/dictionary.ts';
import { en } from './words-en.ts';
import { zh } from './words-zh.ts';

export const say = dictionary({ 'zh-CN': zh, en });
