/** The words of an opening key held in shares, in Chinese: the first language, and the list of keys every other one must fill. */

export const zh = {
  layer: '开标密钥',
  layerWords: '密钥分为若干份，由招标人、主持人、见证人员各自持有；少于规定份数，包括平台在内任何人都打不开投标文件。',
  blindWords: '解密时限的密钥分为若干份；时限结束、持有人交出份额之前，包括平台在内任何人都打不开已收到的解密。',
  rule: '{holders} 份中有 {k} 份即可打开',
  offered: '已登记公钥',
  dealt: '已分发，待本人核对确认',
  acknowledged: '已核对确认',
  given: '已交出份额',
  missing: '尚未交出份额',
  wrong: '曾交出与分发不符的份额',
  holder: '持有人 {n}',
  notDealt: '尚未分发：已登记 {n} 名，规则要求 {holders} 名',
  progressAcknowledged: '已确认 {n} / {count}',
  progressGiven: '已交出 {n}，需要 {k}',
  until: '交出份额截止 {time}',
  enough: '份额已够，平台正在打开投标文件',
  closed: '已结束：{n} 份已交出，需要 {k}',
} as const;

export type Key = keyof typeof zh;
