/** The words of the phone's page, in Chinese: the first language, and the list of keys every other one must fill. */

export const zh = {
  title: '手机证书',
  noCode: '请扫描电脑上的二维码',
  noCodeWords: '在电脑的登录窗口选择“手机（扫码）”，再用本机相机扫描屏幕上的二维码。本页重新载入后须重新扫描。',
  notSecure: '无法使用',
  notSecureWords: '浏览器只在 https 页面上提供密码功能，请改用 https 网址。',
  claiming: '正在连接电脑…',
  claimingWords: '二维码 60 秒内有效，由最先扫描的手机占用。',
  compare: '两块屏幕的校验码一致吗？',
  compareWords: '请看您面前的电脑。只有校验码完全相同，并且是您本人打开的登录页面，才点“一致”。',
  same: '一致',
  different: '不一致',
  openKey: '打开本机的证书文件',
  openKeyWords: '证书文件只在本页的独立线程中使用，不会离开这部手机；关闭本页即清除。',
  open: '打开',
  opening: '正在打开…',
  waiting: '已连接，等待电脑的请求',
  waitingWords: '请保持本页打开。每次使用私钥都会在这里逐项询问，不会自动签名。',
  done: '已处理的请求',
  agreed: '已确认',
  declined: '未确认',
  asked: '电脑请求使用您的私钥：{what}',
  askedWords: '请逐项核对。校验码应与电脑上显示的相同：',
  left: '剩余 {n} 秒，逾时视为拒绝',
  agree: '确认',
  decline: '拒绝',
  other: '另有手机试图扫描同一二维码（{n} 次），已被拒绝。如有怀疑，请结束配对。',
  ended: '已结束',
  end: '结束配对',
} as const;

export type Key = keyof typeof zh;
