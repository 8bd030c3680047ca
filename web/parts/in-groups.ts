/** Digits that two people compare: in groups of three, which are read and compared faster. */

export function inGroups(digits: string): string {
  return digits.replace(/([0-9]{3})(?=[0-9])/g, '$1 ');
}
