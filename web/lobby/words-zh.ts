/** The lobby's words in Chinese: the first language, and the list of keys every other one must fill. */

export const zh = {
  lobby: '开标大厅',
  search: '按名称或编号查找',
  running: '正在进行',
  coming: '即将开标',
  over: '已结束',
  none_running: '目前没有正在进行的开标。',
  none_coming: '目前没有即将开标的项目。',
  none_over: '没有已结束的开标。',
  opening: '项目',
  phase: '阶段',
  time: '开标时间',
  until: '距开标',
  enter: '进入',
  nextOpening: '最近一场开标',
  words: '本表由平台提供；进入后，页面逐条核对见证日志再显示。',
  loading: '正在取得开标安排…',
  loadingWords: '请稍候。',
  noAnswer: '平台没有应答，稍后自动重试。',
} as const;

export type Key = keyof typeof zh;
