/** Why a token does not do what it is asked: stable codes, with the words and the way out of each. */
import type { Words } from '../../core/log/words.ts';

export const TOKEN_FAULTS = {
  binding_missing: {
    en: 'This installation cannot load PKCS#11 modules: its optional part koffi is missing, or has no binary for this machine. Run `npm install` again without --omit=optional; where there is no binary, use the certificate file or the command line on another computer.',
    zh: '本安装无法加载 PKCS#11 模块：可选组件 koffi 未安装，或没有适用于本机的二进制文件。请重新运行 npm install（不要加 --omit=optional）；若本机没有对应二进制文件，请改用证书文件或在其他电脑上使用。',
  },
  module_unusable: {
    en: 'The PKCS#11 module cannot be loaded. Check --module: it is the library (.so, .dll, .dylib) that came with the token, for this kind of processor.',
    zh: '无法加载 PKCS#11 模块。请检查 --module：应为介质厂商随附的、与本机处理器一致的库文件（.so、.dll、.dylib）。',
  },
  token_missing: {
    en: 'No token is there. Plug it in; with several, name one by --token.',
    zh: '未找到密钥介质。请插入介质；如有多个，请用 --token 指明其标签。',
  },
  token_gone: {
    en: 'The token was pulled out, or its session is over. Plug it in and try again; its PIN will be asked for anew.',
    zh: '密钥介质已拔出或会话已结束。请插入后重试，届时需重新输入 PIN。',
  },
  token_pin_wrong: {
    en: 'The PIN is wrong. Try again with care: the token locks itself after a few wrong ones.',
    zh: 'PIN 不正确。请谨慎重试：连续输错会锁定介质。',
  },
  token_pin_locked: {
    en: 'The token has locked its PIN. Only its CA or maker can unlock it.',
    zh: '介质的 PIN 已锁定，须由 CA 机构或介质厂商解锁。',
  },
  token_key_missing: {
    en: 'The token holds no private key for this certificate.',
    zh: '介质中没有与该证书对应的私钥。',
  },
  token_key_other: {
    en: 'The key on the token does not belong to the certificate beside it.',
    zh: '介质中的私钥与其证书不匹配。',
  },
  token_cannot: {
    en: 'This token cannot do it in this way. Seal with another padding (kaibiao preflight names those that work).',
    zh: '该介质不支持此种运算方式。请改用其他填充方式加密（kaibiao preflight 会列出可用方式）。',
  },
  token_failed: { en: 'The token failed.', zh: '密钥介质出错。' },
} as const satisfies Record<string, Words>;

export type TokenFault = keyof typeof TOKEN_FAULTS;

/** `detail` is a number of PKCS #11 or what the system said; never a PIN. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly code: TokenFault;
  readonly detail: string;

  constructor(code: TokenFault, detail = '') {
    super(detail === '' ? TOKEN_FAULTS[code].en : `${TOKEN_FAULTS[code].en} (${detail})`);
    this.code = code;
    this.detail = detail;
  }
}
