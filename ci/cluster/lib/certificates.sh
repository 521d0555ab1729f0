# shellcheck shell=bash
# The cluster's authority, and who is who: every component proves itself by a certificate of its own, as on any cluster.
PKI=$STATE/pki

authority() {
    mkdir -p "$PKI"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -keyout "$PKI/ca.key" -out "$PKI/ca.crt" \
        -config <(printf '%s\n' '[req]' 'distinguished_name=name' 'prompt=no' 'x509_extensions=extensions' \
            '[name]' 'CN=meshproof-cluster' \
            '[extensions]' 'basicConstraints=critical,CA:TRUE' 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature' \
            'subjectKeyIdentifier=hash') 2>"$PKI/openssl.log"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$PKI/service-accounts.key" 2>>"$PKI/openssl.log"
}

certify() { # certify NAME COMMON_NAME [ORGANIZATION] [ALTERNATIVE_NAMES]: writes NAME.crt and NAME.key
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -keyout "$PKI/$1.key" -out "$PKI/$1.crt" \
        -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" \
        -config <(printf '%s\n' '[req]' 'distinguished_name=name' 'prompt=no' 'x509_extensions=extensions' \
            '[name]' "CN=$2" ${3:+"O=$3"} \
            '[extensions]' 'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
            'extendedKeyUsage=serverAuth,clientAuth' 'authorityKeyIdentifier=keyid' \
            ${4:+"subjectAltName=$4"}) 2>>"$PKI/openssl.log"
}

kubeconfig() { # kubeconfig NAME: prints one for whom `certify NAME` made a certificate
    cat <<Y
apiVersion: v1
kind: Config
current-context: meshproof
contexts: [{name: meshproof, context: {cluster: meshproof, user: $1}}]
clusters:
- name: meshproof
  cluster:
    server: $API_SERVER
    certificate-authority-data: $(base64 -w 0 "$PKI/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w 0 "$PKI/$1.crt")
    client-key-data: $(base64 -w 0 "$PKI/$1.key")
Y
}
