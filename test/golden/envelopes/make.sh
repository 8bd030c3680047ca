#!/bin/sh
# Makes the envelopes of this folder anew with stock OpenSSL (3.0.19 made those that are here). The keys are for these files only.
set -eu
cd "$(dirname "$0")"
certificate() { openssl req -x509 -newkey "$1" ${2:+-pkeyopt "$2"} -nodes -keyout "$3.key.pem" -out "$3.crt.pem" -subj "/C=CN/O=张掖建设有限公司/CN=$3" -utf8 -days 36500 ${4-} ${5-} ${6-}; }
test -f bidder.key.pem || certificate rsa:2048 '' bidder
test -f other.key.pem || certificate rsa:2048 '' other
test -f curve.key.pem || certificate ec ec_paramgen_curve:P-256 curve
# OpenSSL makes no envelopes to SM2 keys, but certificates under the identity all use
test -f sm2.key.pem || certificate sm2 '' sm2 -sm3 -sigopt distid:1234567812345678
seal() { out=$1; shift; openssl cms -encrypt -binary -in bid.zip -outform DER -out "$out" "$@"; }
OAEP256='-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256'
OAEP1='-keyopt rsa_padding_mode:oaep'
ECDH='-keyopt ecdh_kdf_md:sha256'
mkdir -p valid invalid
seal valid/stream-oaep-sha256.cms -stream -aes-256-gcm -recip bidder.crt.pem $OAEP256
seal valid/stream-oaep-sha1.cms -stream -aes-256-gcm -recip bidder.crt.pem $OAEP1
seal valid/stream-pkcs1-v15.cms -stream -aes-256-gcm -recip bidder.crt.pem
seal valid/der-oaep-sha256.cms -aes-256-gcm -recip bidder.crt.pem $OAEP256
seal valid/der-oaep-sha1.cms -aes-256-gcm -recip bidder.crt.pem $OAEP1
seal valid/der-pkcs1-v15.cms -aes-256-gcm -recip bidder.crt.pem
seal valid/der-key-identifier.cms -aes-256-gcm -keyid -recip bidder.crt.pem $OAEP256
seal valid/stream-ecdh-p256.cms -stream -aes-256-gcm -recip curve.crt.pem $ECDH
seal valid/der-ecdh-p256.cms -aes-256-gcm -recip curve.crt.pem $ECDH
seal valid/der-ecdh-p256.key-identifier.cms -aes-256-gcm -keyid -recip curve.crt.pem $ECDH
# The name of each file is the code it must be refused with.
seal invalid/two_recipients.cms -stream -aes-256-gcm -recip bidder.crt.pem -recip other.crt.pem
seal invalid/wrong_cipher.cms -stream -aes-128-gcm -recip bidder.crt.pem
seal invalid/not_auth_enveloped.cms -stream -aes-256-cbc -recip bidder.crt.pem
# OpenSSL's own choice of hash, SHA-1
seal invalid/unsupported_recipient.cms -stream -aes-256-gcm -recip curve.crt.pem
seal invalid/unsupported_recipient.ecdh-cofactor.cms -stream -aes-256-gcm -recip curve.crt.pem $ECDH -keyopt ecdh_cofactor_mode:1
seal invalid/unsupported_recipient.ecdh-aes128-wrap.cms -stream -aes-256-gcm -aes128-wrap -recip curve.crt.pem $ECDH
certificate ec ec_paramgen_curve:P-384 passing
seal invalid/unsupported_recipient.ecdh-p384.cms -stream -aes-256-gcm -recip passing.crt.pem $ECDH
rm passing.*
seal invalid/unsupported_recipient.oaep-sha512.cms -stream -aes-256-gcm -recip bidder.crt.pem -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha512
seal invalid/unsupported_recipient.oaep-mixed.cms -stream -aes-256-gcm -recip bidder.crt.pem $OAEP256 -keyopt rsa_mgf1_md:sha1
seal invalid/unsupported_recipient.oaep-label.cms -stream -aes-256-gcm -recip bidder.crt.pem $OAEP256 -keyopt rsa_oaep_label:6c6f74
# sm2.cms is ours, by kaibiao's own writer: OpenSSL's command line seals to no SM2 certificate. It opens it.
