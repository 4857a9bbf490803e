"""ML-KEM-768 (FIPS 203): key generation from a seed and decapsulation. Not constant-time, so not for a server."""
from hashlib import sha3_256, sha3_512, shake_128, shake_256

N, Q, K, ETA, DU, DV = 256, 3329, 3, 2, 10, 4
INVERSE_128 = 3303
ZETAS = [pow(17, int(f"{i:07b}"[::-1], 2), Q) for i in range(128)]
GAMMAS = [pow(17, 2 * int(f"{i:07b}"[::-1], 2) + 1, Q) for i in range(128)]


def encode(f, d):
    """ByteEncode_d, algorithm 5: 256 integers of d bits, least significant bit first."""
    return sum(x << d * i for i, x in enumerate(f)).to_bytes(32 * d, "little")


def decode(data, d):
    """ByteDecode_d, algorithm 6."""
    bits = int.from_bytes(data, "little")
    values = (bits >> d * i & (1 << d) - 1 for i in range(N))
    return [x % Q for x in values] if d == 12 else list(values)


def compress(f, d):
    return [((x << d) + Q // 2) // Q % (1 << d) for x in f]  # Q is odd: no ties


def decompress(f, d):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def sample_ntt(seed):
    """Algorithm 7: a uniform element of the NTT domain, by rejection."""
    data, at, f = shake_128(seed).digest(4096), 0, []  # 4,096 bytes fall short with probability below 2^-400
    while len(f) < N:
        a, b, c = data[at:at + 3]
        f += [x for x in (a + 256 * (b % 16), b // 16 + 16 * c) if x < Q]
        at += 3
    return f[:N]


def sample_noise(seed, n):
    """SamplePolyCBD_2 of PRF_2, algorithm 8."""
    bits = int.from_bytes(shake_256(seed + bytes([n])).digest(64 * ETA), "little")
    half = [(bits >> 2 * i & 1) + (bits >> 2 * i + 1 & 1) for i in range(2 * N)]
    return [(half[2 * i] - half[2 * i + 1]) % Q for i in range(N)]


def ntt(f):
    """Algorithm 9."""
    f, i, span = list(f), 1, 128
    while span >= 2:
        for start in range(0, N, 2 * span):
            for j in range(start, start + span):
                t = ZETAS[i] * f[j + span]
                f[j], f[j + span] = (f[j] + t) % Q, (f[j] - t) % Q
            i += 1
        span //= 2
    return f


def ntt_inverse(f):
    """Algorithm 10."""
    f, i, span = list(f), 127, 2
    while span <= 128:
        for start in range(0, N, 2 * span):
            for j in range(start, start + span):
                t = f[j]
                f[j], f[j + span] = (t + f[j + span]) % Q, ZETAS[i] * (f[j + span] - t) % Q
            i -= 1
        span *= 2
    return [x * INVERSE_128 % Q for x in f]


def add(f, g):
    return [(x + y) % Q for x, y in zip(f, g)]


def dot(left, right):
    """The sum of products in the NTT domain, algorithms 11 and 12."""
    h = [0] * N
    for f, g in zip(left, right):
        for i in range(0, N, 2):
            h[i] += f[i] * g[i] + f[i + 1] * g[i + 1] * GAMMAS[i // 2]
            h[i + 1] += f[i] * g[i + 1] + f[i + 1] * g[i]
    return [x % Q for x in h]


def matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def keygen(seed):
    """ML-KEM.KeyGen_internal(d, z), algorithm 16: (encapsulation key 1,184 bytes, decapsulation key 2,400)."""
    d, z = seed[:32], seed[32:]
    g = sha3_512(d + bytes([K])).digest()
    rho, sigma = g[:32], g[32:]
    s = [ntt(sample_noise(sigma, i)) for i in range(K)]
    e = [ntt(sample_noise(sigma, K + i)) for i in range(K)]
    t = [add(dot(row, s), e[i]) for i, row in enumerate(matrix(rho))]
    ek = b"".join(encode(f, 12) for f in t) + rho
    return ek, b"".join(encode(f, 12) for f in s) + ek + sha3_256(ek).digest() + z


def encrypt(ek, message, coins):
    """K-PKE.Encrypt, algorithm 14."""
    t, a = [decode(ek[384 * i:384 * i + 384], 12) for i in range(K)], matrix(ek[1152:])
    y = [ntt(sample_noise(coins, i)) for i in range(K)]
    e = [sample_noise(coins, K + i) for i in range(K + 1)]
    u = [add(ntt_inverse(dot([row[i] for row in a], y)), e[i]) for i in range(K)]
    v = add(add(ntt_inverse(dot(t, y)), e[K]), decompress(decode(message, 1), 1))
    return b"".join(encode(compress(f, DU), DU) for f in u) + encode(compress(v, DV), DV)


def decrypt(dk, c):
    """K-PKE.Decrypt, algorithm 15."""
    u = [decompress(decode(c[320 * i:320 * i + 320], DU), DU) for i in range(K)]
    v = decompress(decode(c[960:], DV), DV)
    s = [decode(dk[384 * i:384 * i + 384], 12) for i in range(K)]
    w = ntt_inverse(dot(s, [ntt(f) for f in u]))
    return encode(compress([(x - y) % Q for x, y in zip(v, w)], 1), 1)


def decapsulate(dk, c):
    """ML-KEM.Decaps_internal, algorithm 18: 32 bytes; for a forged ciphertext a secret one (implicit rejection)."""
    ek, h, z = dk[1152:2336], dk[2336:2368], dk[2368:]
    message = decrypt(dk[:1152], c)
    g = sha3_512(message + h).digest()
    return g[:32] if encrypt(ek, message, g[32:]) == c else shake_256(z + c).digest(32)
