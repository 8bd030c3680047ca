/** The words of a drawing in Chinese: the first language, and the list of keys every other one must fill. */

export const zh = {
  drawing: '抽取系数',
  drawRound: '第 {n} 轮',
  drawWords: '各方先提交承诺，承诺截止后才公开份额；系数由全部份额算出，任何人不能事先得知，事后任何人可以重算。',
  drawCommitting: '正在提交承诺，至 {time}，并须有见证人员的份额',
  drawRevealing: '正在公开份额，至 {time}；逾时未公开的由密钥持有方打开',
  drawVoid: '本轮因技术原因作废',
  drawn: '系数 {value}',
  drawWitness: '见证人员',
  bidderNumber: '{n} 号',
  sharePromised: '已承诺，尚未公开（下为承诺）',
  shareShown: '已公开',
  sharesLeftOut: '有 {n} 份与承诺不符，未予采用',
  drawSame: '本页已用日志中的全部份额重新计算：每份与承诺一致，结果同为 {value}',
  drawDiffers: '本页重新计算的结果是 {value}，或有份额与承诺不符：请保留证据并提出异议',
  drawAgain: '自己重算',
  drawAgainWords:
    '对下面的文本，取 SHA-256("kaibiao-draw-result-v1" NUL "0" NUL 文本) 的前六个字节作为大端整数 d，共 {count} 个可抽取的值：若 d 小于 2⁴⁸ −(2⁴⁸ mod {count})，规则所列值中第 d mod {count} 个（从 0 数起）就是系数；否则把 "0" 换成 "1"、"2" 继续。',
  voidBy: '已提出本轮作废：{who}',
} as const;

export type Key = keyof typeof zh;
