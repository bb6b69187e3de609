/*
 * A layer of look-up tables and its gradients on a CPU; gradients.py says what they are.
 *
 * Arrays are dense and row-major, tokens their last dimension. Gradients take tokens a tile at a
 * time, so that those of all inputs stay in the cache while one LUT after another adds to them.
 */
#include <stdint.h>
#include <string.h>

enum { TILE = 512, BLOCK = 64, ENTRIES = 64, HALF = ENTRIES / 2, CHAINS = 4 };

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WIDE __attribute__((target("avx2")))
#else
#define WIDE
#endif

/* Addresses of one LUT, a block in registers at a time: the last wire is the highest bit. */
static void addresses(uint8_t *restrict at, const uint8_t *restrict bits, const int64_t *wires,
                      int64_t arity, int64_t tokens) {
  for (int64_t first = 0; first < tokens; first += BLOCK) {
    int64_t count = tokens - first < BLOCK ? tokens - first : BLOCK;
    uint8_t sums[BLOCK] = {0};
    for (int64_t place = arity - 1; place >= 0; place--) {
      const uint8_t *row = bits + wires[place] * tokens + first;
      if (count == BLOCK)
        for (int64_t t = 0; t < BLOCK; t++) sums[t] = (uint8_t)(sums[t] + sums[t] + row[t]);
      else
        for (int64_t t = 0; t < count; t++) sums[t] = (uint8_t)(sums[t] + sums[t] + row[t]);
    }
    memcpy(at + first, sums, count);
  }
}

/*
 * bits (inputs, tokens), each 0 or 1, and wires (luts, arity) to address (luts, tokens) and
 * out (luts, tokens): bit `address` of truth (luts).
 */
void look_up(const uint8_t *restrict bits, const int64_t *wires, const uint64_t *truth,
             uint8_t *restrict address, float *restrict out, int64_t luts, int64_t arity,
             int64_t tokens) {
  for (int64_t lut = 0; lut < luts; lut++) {
    uint8_t *restrict at = address + lut * tokens;
    float *restrict y = out + lut * tokens;
    addresses(at, bits, wires + lut * arity, arity, tokens);
    float values[ENTRIES];
    for (int64_t a = 0; a < ENTRIES; a++) values[a] = (float)(truth[lut] >> a & 1);
    for (int64_t t = 0; t < tokens; t++) y[t] = values[at[t]];
  }
}

/* sum[t] += slope[address without bit `place`] * g[t]: that bit has no say in its own slope. */
static void plain(float *restrict sum, const float *restrict slope, const uint8_t *restrict at,
                  const float *restrict g, int64_t place, int64_t first, int64_t count) {
  int64_t low = ((int64_t)1 << place) - 1;
  for (int64_t t = first; t < count; t++)
    sum[t] += slope[(at[t] & low) | (at[t] >> 1 & ~low)] * g[t];
}

#if defined(__x86_64__) && defined(__GNUC__)
/* The same, eight tokens at once: 32 slopes are four registers, from which bits 3 and 4 choose. */
WIDE static void wide(float *restrict sum, const float *restrict slope,
                      const uint8_t *restrict at, const float *restrict g, int64_t place,
                      int64_t count) {
  __m256 a = _mm256_loadu_ps(slope), b = _mm256_loadu_ps(slope + 8);
  __m256 c = _mm256_loadu_ps(slope + 16), d = _mm256_loadu_ps(slope + 24);
  __m256i low = _mm256_set1_epi32((1 << place) - 1);
  int64_t t = 0;
  for (; t + 8 <= count; t += 8) {
    __m256i whole = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(at + t)));
    __m256i upper = _mm256_andnot_si256(low, _mm256_srli_epi32(whole, 1));
    __m256i i = _mm256_or_si256(_mm256_and_si256(whole, low), upper);
    __m256 three = _mm256_castsi256_ps(_mm256_slli_epi32(i, 28));
    __m256 four = _mm256_castsi256_ps(_mm256_slli_epi32(i, 27));
    __m256 ab = _mm256_blendv_ps(_mm256_permutevar8x32_ps(a, i), _mm256_permutevar8x32_ps(b, i), three);
    __m256 cd = _mm256_blendv_ps(_mm256_permutevar8x32_ps(c, i), _mm256_permutevar8x32_ps(d, i), three);
    __m256 product = _mm256_mul_ps(_mm256_blendv_ps(ab, cd, four), _mm256_loadu_ps(g + t));
    _mm256_storeu_ps(sum + t, _mm256_add_ps(_mm256_loadu_ps(sum + t), product));
  }
  plain(sum, slope, at, g, place, t, count);
}

static int has_wide(void) { return __builtin_cpu_supports("avx2"); }
#else
static int has_wide(void) { return 0; }
#define wide(sum, slope, at, g, place, count) plain(sum, slope, at, g, place, 0, count)
#endif

/* given (luts, tokens) to what each entry receives, in chains that do not wait for each other. */
static void scatter(float *restrict to_table, const uint8_t *restrict at,
                    const float *restrict g, int64_t entries, int64_t count) {
  float sums[CHAINS][ENTRIES] = {{0}};
  int64_t t = 0;
  for (; t + CHAINS <= count; t += CHAINS)
    for (int64_t chain = 0; chain < CHAINS; chain++) sums[chain][at[t + chain]] += g[t + chain];
  for (; t < count; t++) sums[0][at[t]] += g[t];
  for (int64_t a = 0; a < entries; a++)
    to_table[a] += (sums[0][a] + sums[1][a]) + (sums[2][a] + sums[3][a]);
}

/*
 * given (luts, tokens) to to_bits (inputs, tokens) and to_tables (luts, 2^arity), both 0 at first;
 * slopes (luts, arity, 32) by address without the input's own bit.
 */
void look_up_gradients(const uint8_t *restrict address, const int64_t *wires,
                       const float *restrict slopes, const float *restrict given,
                       float *restrict to_bits, float *restrict to_tables, int64_t luts,
                       int64_t arity, int64_t tokens) {
  int64_t entries = (int64_t)1 << arity;
  int fast = has_wide();
  for (int64_t first = 0; first < tokens; first += TILE) {
    int64_t count = tokens - first < TILE ? tokens - first : TILE;
    for (int64_t lut = 0; lut < luts; lut++) {
      const uint8_t *at = address + lut * tokens + first;
      const float *g = given + lut * tokens + first;
      scatter(to_tables + lut * entries, at, g, entries, count);
      for (int64_t place = 0; place < arity; place++) {
        const float *slope = slopes + (lut * arity + place) * HALF;
        float *sum = to_bits + wires[lut * arity + place] * tokens + first;
        if (fast)
          wide(sum, slope, at, g, place, count);
        else
          plain(sum, slope, at, g, place, 0, count);
      }
    }
  }
}
