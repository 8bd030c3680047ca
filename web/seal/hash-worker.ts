/** A worker that does nothing but hash what comes over the port it was given: it has a processor to itself where there are two. */
import '../parts/old-browsers.ts';
import { answerHashes } from './answer-hashes.ts';

addEventListener('message', ({ data }: MessageEvent<{ readonly port: MessagePort }>) => answerHashes(data.port));
