/** Who is looking: nobody in particular, with a way to log in, or the person and the role they look in. */
import type { JSX } from 'preact';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { language } from '../parts/language.ts';
import type { Hall } from './hall.ts';
import { ROLE_WORDS } from './term-words.ts';
import { say } from './words.ts';

export function SeatBox({ hall }: { hall: Hall }): JSX.Element {
  const seat = hall.seat.value;
  if (seat === null)
    return (
      <p class="seat">
        {hall.cannotLoad.value ? <span class="tone-warn">{say('cannotLoad')}</span> : null}
        <button type="button" class="log-in" onClick={() => hall.ask().catch(hall.fail)}>
          {say('logIn')}
        </button>
      </p>
    );
  const words = ROLE_WORDS[language.value];
  return (
    <p class="seat">
      <bdi class="seat-name">{seat.name}</bdi>
      {seat.roles.length > 1 ? (
        <select
          aria-label={say('asRole')}
          value={seat.role}
          onChange={({ currentTarget }) => hall.turnTo(currentTarget.value as PersonRole)}
        >
          {seat.roles.map((role) => (
            <option key={role} value={role}>
              {words[role]}
            </option>
          ))}
        </select>
      ) : (
        <span class="label">{words[seat.role]}</span>
      )}
      <button type="button" onClick={() => hall.leave().catch(hall.fail)}>
        {say('leave')}
      </button>
    </p>
  );
}
