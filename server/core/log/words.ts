/** Sentences for people: every reason of this room is said in English and in Chinese. */

export type Words = { readonly en: string; readonly zh: string };
