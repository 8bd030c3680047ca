/** The words of the phone's page in the reader's language. */
import { dictionary } from '../parts/dictionary.ts';
import { inEnglish } from '../parts/language.ts';
import { zh } from './words-zh.ts';

export const say = dictionary({ 'zh-CN': zh, en: inEnglish(async () => (await import('./words-en.ts')).en) });
