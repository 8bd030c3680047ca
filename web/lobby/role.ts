/** As whom somebody looks at the list: their own word, remembered by their browser. */
import { signal } from '@preact/signals';
import { keepText, keptText } from '../parts/kept-text.ts';
import { LOBBY_ROLES, type LobbyRole } from './duties.ts';

const KEY = 'kaibiao.lobby-role';
/** The role of this name; the public for any other. */
export const roleOf = (text: string | null): LobbyRole => LOBBY_ROLES.find((role) => role === text) ?? 'public';

export const lookingAs = signal<LobbyRole>(roleOf(keptText(KEY)));

export function chooseRole(role: LobbyRole): void {
  lookingAs.value = role;
  keepText(KEY, role);
}
