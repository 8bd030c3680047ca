/** Sound as a page can make it: a tone, and a Chinese voice where the computer has one. */

const TONE_HERTZ = 440;
const TONE_SECONDS = 0.8;
/** A browser tells its voices some time after it was asked first, ms. */
const VOICES_WAIT_MS = 3_000;

/** Plays a tone. Returns: false where the browser has no sound. */
export async function playTone(): Promise<boolean> {
  if (typeof AudioContext !== 'function') return false;
  const sound = new AudioContext();
  await sound.resume();
  const tone = sound.createOscillator();
  const volume = sound.createGain();
  tone.frequency.value = TONE_HERTZ;
  volume.gain.value = 0.2;
  // ends softly: a sudden end is heard as a click
  volume.gain.setTargetAtTime(0, sound.currentTime + TONE_SECONDS, 0.05);
  tone.connect(volume).connect(sound.destination);
  tone.onended = () => void sound.close();
  tone.start();
  tone.stop(sound.currentTime + TONE_SECONDS + 0.5);
  return true;
}

/** The voice that announcements would be spoken by; null where there is none. */
export async function chineseVoice(): Promise<SpeechSynthesisVoice | null> {
  const speech = (globalThis as { readonly speechSynthesis?: SpeechSynthesis }).speechSynthesis;
  if (speech === undefined) return null;
  const find = () => speech.getVoices().find(({ lang }) => /^(zh|cmn)\b/i.test(lang)) ?? null;
  const known = find();
  if (known !== null) return known;
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      speech.removeEventListener('voiceschanged', end);
      resolve(find());
    };
    const timer = setTimeout(end, VOICES_WAIT_MS);
    speech.addEventListener('voiceschanged', end);
  });
}

/** Says a sentence as an announcement is said. */
export function speak(voice: SpeechSynthesisVoice, sentence: string): void {
  const spoken = new SpeechSynthesisUtterance(sentence);
  spoken.voice = voice;
  spoken.lang = voice.lang;
  speechSynthesis.cancel();
  speechSynthesis.speak(spoken);
}
