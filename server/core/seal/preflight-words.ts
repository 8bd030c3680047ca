/** What a pre-flight can find that is not as it should be, said to people in both languages, and what each of them does about it. */
import type { Words } from '../log/words.ts';

/** `bad`: the bid would be refused or not open. `warning`: it works today, and may not when it must. */
export type Severity = 'warning' | 'bad';
export type FindingWords = Words & { readonly severity: Severity; readonly fix: Words };

export const PREFLIGHT_FINDINGS = {
  certificate_malformed: {
    severity: 'bad',
    en: 'The certificate cannot be read.',
    zh: '证书无法读取。',
    fix: {
      en: 'Export it from the token or the CA’s page again, with its chain, as PEM or PKCS#12.',
      zh: '请从介质或 CA 网站重新导出证书及其证书链（PEM 或 PKCS#12）。',
    },
  },
  certificate_not_trusted: {
    severity: 'bad',
    en: 'No chain leads from the certificate to a CA that is trusted here for this use.',
    zh: '证书链无法到达本平台信任的、可用于该用途的 CA。',
    fix: {
      en: 'Add the CA’s intermediate certificates to the file. If the CA is not on GET /trust-anchors, use a certificate of one that is, or ask the platform’s operator.',
      zh: '请在证书文件中补全 CA 中级证书；若该 CA 不在 GET /trust-anchors 之列，请改用受信任 CA 的证书或联系平台管理员。',
    },
  },
  certificate_not_yet_valid: {
    severity: 'bad',
    en: 'The certificate is not valid yet.',
    zh: '证书尚未生效。',
    fix: {
      en: 'Wait for the date it names, or ask the CA for one that is valid now.',
      zh: '请等待证书生效，或向 CA 申请现在有效的证书。',
    },
  },
  certificate_expired: {
    severity: 'bad',
    en: 'The certificate has expired.',
    zh: '证书已过期。',
    fix: {
      en: 'Renew it at the CA; then seal the bid to the new encryption certificate and lodge it as a replacement before the deadline.',
      zh: '请到 CA 办理延期；之后用新的加密证书重新加密，并在截止前替换递交。',
    },
  },
  certificate_revoked: {
    severity: 'bad',
    en: 'The CA has revoked the certificate.',
    zh: '证书已被 CA 吊销。',
    fix: {
      en: 'Ask the CA for a new pair of certificates, then seal and lodge again before the deadline.',
      zh: '请向 CA 申请新的双证书，并在截止前重新加密、递交。',
    },
  },
  certificate_undetermined: {
    severity: 'bad',
    en: 'Nobody can say whether the certificate was revoked: the CA’s list is missing here or over.',
    zh: '无法确定证书是否被吊销：平台缺少该 CA 的吊销列表或列表已过期。',
    fix: {
      en: 'It is no fault of yours: tell the platform’s operator, who brings a fresh list, and run the pre-flight again.',
      zh: '这不是您的问题：请联系平台管理员更新吊销列表，然后重新检查。',
    },
  },
  certificate_wrong_usage: {
    severity: 'bad',
    en: 'The certificate is for another use: one of the pair signs, the other is sealed to.',
    zh: '证书用途不符：双证书中一张用于签名，一张用于加密。',
    fix: {
      en: 'Put the signing certificate where signing is asked for and the encryption certificate where sealing is.',
      zh: '签名处请使用签名证书，加密处请使用加密证书。',
    },
  },
  certificate_subject_unclear: {
    severity: 'bad',
    en: 'The certificate does not say clearly whose it is.',
    zh: '证书主体信息不完整或有歧义。',
    fix: {
      en: 'Ask the CA to issue it with organisation, name and credit code.',
      zh: '请 CA 重新签发，写明单位、姓名和统一社会信用代码。',
    },
  },
  credit_code_invalid: {
    severity: 'bad',
    en: 'The certificate holds no valid unified social credit code.',
    zh: '证书中没有有效的统一社会信用代码。',
    fix: {
      en: 'Ask the CA to issue it with the code on your business licence.',
      zh: '请 CA 按营业执照上的统一社会信用代码重新签发。',
    },
  },
  certificate_of_other_account: {
    severity: 'bad',
    en: 'The two certificates are of different organisations.',
    zh: '两张证书不属于同一单位。',
    fix: {
      en: 'Use signing and encryption certificate of one organisation.',
      zh: '请使用同一单位的签名证书和加密证书。',
    },
  },
  certificate_missing: {
    severity: 'bad',
    en: 'There is no valid certificate for this use among the keys.',
    zh: '密钥中没有可用于该用途的有效证书。',
    fix: {
      en: 'Give the folder or the PKCS#12 files of both certificates; sealing needs the encryption certificate with its key.',
      zh: '请同时提供两张证书的文件夹或 PKCS#12 文件；加密须有加密证书及其私钥。',
    },
  },
  certificate_ambiguous: {
    severity: 'bad',
    en: 'Several certificates fit this use.',
    zh: '有多张证书可用于该用途。',
    fix: { en: 'Give only the one that you will use in the window.', zh: '请只提供解密时将要使用的那一张。' },
  },
  revocation_unknown: {
    severity: 'warning',
    en: 'The platform has no revocation list of this CA and takes its certificates all the same.',
    zh: '平台没有该 CA 的吊销列表，仍予接受。',
    fix: {
      en: 'Nothing to do now; if the list comes and says otherwise, it counts.',
      zh: '目前无需处理；若之后的列表显示已吊销，则以列表为准。',
    },
  },
  expires_before_window: {
    severity: 'bad',
    en: 'The certificate ends before bids are decrypted.',
    zh: '证书将在解密之前到期。',
    fix: {
      en: 'Renew it now, then seal to the new encryption certificate and lodge again. A renewed token does not open what was sealed to the old one.',
      zh: '请立即办理延期，并用新的加密证书重新加密、递交。延期后的介质不能解开用旧证书加密的文件。',
    },
  },
  expires_soon: {
    severity: 'warning',
    en: 'The certificate ends within a week after the deadline: a postponed opening could outlast it.',
    zh: '证书将在截止后一周内到期：若开标推迟，可能失效。',
    fix: {
      en: 'Renew it before you seal, not between sealing and decryption.',
      zh: '请在加密之前办理延期，不要在加密与解密之间办理。',
    },
  },
  another_certificate: {
    severity: 'bad',
    en: 'The bid that stands is sealed to another certificate than these keys hold.',
    zh: '已递交的投标文件是为另一张证书加密的。',
    fix: {
      en: 'Use the token that was there when you sealed; if it was renewed or lost, seal again and replace the bid before the deadline.',
      zh: '请使用加密时的介质；若已延期或丢失，请在截止前重新加密并替换递交。',
    },
  },
  key_unusable: {
    severity: 'bad',
    en: 'The private key did not give back what was wrapped to its certificate in this way.',
    zh: '私钥未能解开按此方式加密给其证书的数据。',
    fix: {
      en: 'Check password and device. If only this way fails, seal in one that works: kaibiao seal --padding …, then lodge again.',
      zh: '请检查口令和介质；若仅此方式不可用，请用可用的方式重新加密（kaibiao seal --padding …）并递交。',
    },
  },
  clock_off: {
    severity: 'warning',
    en: 'This computer’s clock differs from the platform’s.',
    zh: '本机时钟与平台时间不一致。',
    fix: {
      en: 'Let the operating system set the clock (NTP). The platform’s clock alone counts for every deadline.',
      zh: '请开启操作系统自动校时（NTP）。一切期限以平台时间为准。',
    },
  },
  clock_far_off: {
    severity: 'bad',
    en: 'This computer’s clock is so far off that sealing tools judge certificates and deadlines wrongly.',
    zh: '本机时钟偏差过大，会误判证书有效期和截止时间。',
    fix: { en: 'Set the clock now and run the pre-flight again.', zh: '请立即校准时钟后重新检查。' },
  },
  tool_differs: {
    severity: 'warning',
    en: 'This tool is of another version than the platform.',
    zh: '本工具与平台版本不同。',
    fix: {
      en: 'Use the version the platform names, and test what it sealed.',
      zh: '请使用平台所示版本，并试解其加密的文件。',
    },
  },
  device_unknown: {
    severity: 'warning',
    en: 'No hardware address of this computer can be read; the bid will say so.',
    zh: '无法读取本机网卡地址；投标文件中将如实记为未知。',
    fix: {
      en: 'Nothing to do, unless the tender asks for it: then seal on a computer with a network card.',
      zh: '一般无需处理；如招标文件有要求，请在有网卡的电脑上加密。',
    },
  },
  login_refused: {
    severity: 'bad',
    en: 'The platform refused the login with the signing certificate.',
    zh: '平台拒绝使用该签名证书登录。',
    fix: {
      en: 'Do what is said of the signing certificate; if it is good, ask the operator whether the account was shut.',
      zh: '请按签名证书一项处理；若证书正常，请向管理员确认账户是否被停用。',
    },
  },
} as const satisfies Record<string, FindingWords>;

export type PreflightCode = keyof typeof PREFLIGHT_FINDINGS;
export const PREFLIGHT_CODES = Object.keys(PREFLIGHT_FINDINGS) as readonly PreflightCode[];
