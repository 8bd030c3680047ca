/** Asks as whom somebody takes part: a wish, which gives no right. */
import type { JSX } from 'preact';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { language } from '../parts/language.ts';
import { LOBBY_ROLES, type LobbyRole } from './duties.ts';

export function RoleChoice(props: {
  readonly label: string;
  readonly value: LobbyRole;
  readonly onChoose: (role: LobbyRole) => void;
}): JSX.Element {
  const { label, value, onChoose } = props;
  return (
    <label class="lobby-role">
      <span class="label">{label}</span>
      <select id="role" value={value} onChange={({ currentTarget }) => onChoose(currentTarget.value as LobbyRole)}>
        {LOBBY_ROLES.map((role) => (
          <option key={role} value={role}>
            {ROLE_WORDS[language.value][role]}
          </option>
        ))}
      </select>
    </label>
  );
}
