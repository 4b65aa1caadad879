// The recurrence of one LSTM layer over packed rows, forward and backward, both directions in one pass.
//
// Rows are packed step by step: first the first token of every text, longest text first, then the second of
// those that have one, and so on; so the texts that are still being read are always the first rows of a step, and
// each step's product is one dense call. The reverse direction is packed by its own steps, from a text's last token.
// A task is one direction of some of the texts. Tasks share nothing, so one parallel region runs a whole layer
// and no thread waits for another at a time step.
//
// Gates stand in the order i, f, g, o. The equations are those of textlstm/model/cell.py.

#include <ATen/cpu/vec/functional.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

extern "C" {
void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*,
            const float*, const int*, const float*, float*, const int*);
void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*,
            const double*, const int*, const double*, double*, const int*);
}

namespace {

using at::vec::Vectorized;

enum Activation : int32_t { TANH, RELU, HARDTANH, SOFTSIGN, ELU, GELU, IDENTITY, SIGMOID, HARDSIGMOID };

}  // namespace

// Everything below is mirrored in textlstm/kernels/call.py. Null pointers switch a setting off.
extern "C" {

// One direction of the layer. N rows, B texts (longest first), H units.
struct Direction {
  const void* source;     // [B * T, I] the padded batch that is read; null where gates holds its projection
  const void* weight_ih;  // [4H, I]
  void* gates;            // [N, 4H] in: projected inputs; out: gates after their functions; null if not kept
  const void* bias;       // [4H]
  const void* weight;     // [4H, H] of the states
  void* inputs;           // [N, H] what the step's product reads: the masked state of the step before; [B, H] if not kept
  void* cells;            // [N, H] cell states that are carried on; [B, H] if not kept
  void* fresh;            // [N, H] cell states before zoneout
  void* squashed;         // [N, H] phi of the (normalised) fresh cell state, where kept
  void* normalized;       // [N, 4H] normalised product with the state
  void* scales;           // [N, 3] 1/deviation of that, then mean and 1/deviation of the fresh cell state
  const void* state_mask;      // [B, H]
  const void* candidate_mask;  // [B, H], or [N, H] where candidate_by_row
  const uint8_t* keep_cell;    // [N, H] 1 where zoneout keeps the old value
  const uint8_t* keep_hidden;  // [N, H]
  const void* state_gain;      // [4H] of layer normalisation
  const void* cell_gain;       // [H]
  const void* cell_shift;      // [H]
  const int64_t* places;       // [N] row of the padded output
  void* gate_gradients;        // [N, 4H] backward; may be gates itself
  void* product_gradients;     // [N, 4H] backward, of the product with the state: gate_gradients, or with normalisation
                               // an array of its own, which may be normalized
};

// Some texts of one direction; partial sums of the gains' gradients are its own.
struct Task {
  int32_t direction;
  int32_t texts;
  int32_t steps;
  int64_t first_row;
  int64_t first_text;
  const int32_t* sizes;  // [steps] texts that have such a step
  void* gain_gradients;  // [6H] backward: of state_gain [4H], cell_gain [H], cell_shift [H]
};

struct Call {
  int64_t hidden;
  int64_t inputs;  // I
  int64_t output_stride;  // directions * H
  int32_t tasks;
  int32_t threads;
  int32_t activation;
  int32_t recurrent_activation;
  int32_t candidate_by_row;
  int32_t training;
  int32_t keep;  // what a backward reads; 0 for cells without normalisation or zoneout alone
  double zoneout_cell;
  double zoneout_hidden;
  void* output;  // [B * T, D * H] forward: states, written where there is a token; backward: their gradients, read
  const Direction* directions;
  const Task* task;
};
}

namespace {

constexpr double NORM_EPSILON = 1e-5;  // of torch.nn.LayerNorm
constexpr int64_t PROJECTED = 512;     // rows

void gemm(char transposed, int m, int n, int k, const float* a, int lda, const float* b, int ldb, float beta, float* c,
          int ldc) {
  const float alpha = 1;
  sgemm_(&transposed, "N", &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc);
}

void gemm(char transposed, int m, int n, int k, const double* a, int lda, const double* b, int ldb, double beta,
          double* c, int ldc) {
  const double alpha = 1;
  dgemm_(&transposed, "N", &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc);
}

// ---------------------------------------------------------------- functions of gates and cells

// In float32 a quotient of polynomials for |x| < 9 (coefficients: the minimax fit of Eigen's ptanh), within 4e-7 of the
// tanh by value and by share, at a quarter of the time of one that is exact to the last digit. An argument that is no
// number stays none, as clamp keeps it.
inline Vectorized<float> tanh_of(Vectorized<float> x) {
  using V = Vectorized<float>;
  using at::vec::fmadd;
  x = at::vec::clamp(x, V(-9.f), V(9.f));
  const V s = x * x;
  V p = fmadd(V(-2.76076847742355e-16f), s, V(2.00018790482477e-13f));
  p = fmadd(p, s, V(-8.60467152213735e-11f));
  p = fmadd(p, s, V(5.12229709037114e-08f));
  p = fmadd(p, s, V(1.48572235717979e-05f));
  p = fmadd(p, s, V(6.37261928875436e-04f));
  p = fmadd(p, s, V(4.89352455891786e-03f));
  V q = fmadd(V(1.19825839466702e-06f), s, V(1.18534705686654e-04f));
  q = fmadd(q, s, V(2.26843463243900e-03f));
  q = fmadd(q, s, V(4.89352518554385e-03f));
  return x * p / q;
}

inline Vectorized<double> tanh_of(Vectorized<double> x) { return x.tanh(); }

inline Vectorized<float> sigmoid(Vectorized<float> x) {
  using V = Vectorized<float>;
  return at::vec::fmadd(V(0.5f), tanh_of(V(0.5f) * x), V(0.5f));
}

inline Vectorized<double> sigmoid(Vectorized<double> x) {
  using V = Vectorized<double>;
  return V(1) / (V(1) + x.neg().exp());
}

template <typename T>
Vectorized<T> where(Vectorized<T> condition, Vectorized<T> yes, Vectorized<T> no) {
  return Vectorized<T>::blendv(no, yes, condition);
}

template <typename T, bool PLAIN>
Vectorized<T> squash(int32_t kind, Vectorized<T> x) {
  using V = Vectorized<T>;
  if (PLAIN) return tanh_of(x);
  switch (kind) {
    case RELU:
      return at::vec::maximum(x, V(0));
    case HARDTANH:
      return at::vec::clamp(x, V(-1), V(1));
    case SOFTSIGN:
      return x / (V(1) + x.abs());
    case ELU:
      return where<T>(x > V(0), x, x.expm1());
    case GELU:
      return V(T(0.5)) * x * (V(1) + (x * V(T(M_SQRT1_2))).erf());
    case IDENTITY:
      return x;
    default:
      return tanh_of(x);
  }
}

// Of its value y; of x itself where the value does not tell (GELU).
template <typename T, bool PLAIN>
Vectorized<T> squash_slope(int32_t kind, Vectorized<T> y, Vectorized<T> x) {
  using V = Vectorized<T>;
  if (PLAIN) return V(1) - y * y;
  switch (kind) {
    case RELU:
      return where<T>(y > V(0), V(1), V(0));
    case HARDTANH:
      return where<T>(y.abs() < V(1), V(1), V(0));
    case SOFTSIGN: {
      V rest = V(1) - y.abs();
      return rest * rest;
    }
    case ELU:
      return where<T>(y > V(0), V(1), y + V(1));
    case GELU: {
      V density = (x * x * V(T(-0.5))).exp() * V(T(0.3989422804014327));
      return V(T(0.5)) * (V(1) + (x * V(T(M_SQRT1_2))).erf()) + x * density;
    }
    case IDENTITY:
      return V(1);
    default:
      return V(1) - y * y;
  }
}

template <typename T, bool PLAIN>
Vectorized<T> gate(int32_t kind, Vectorized<T> x) {
  using V = Vectorized<T>;
  if (!PLAIN && kind == HARDSIGMOID) return at::vec::clamp(x + V(3), V(0), V(6)) / V(6);
  return sigmoid(x);
}

template <typename T, bool PLAIN>
Vectorized<T> gate_slope(int32_t kind, Vectorized<T> y) {
  using V = Vectorized<T>;
  if (!PLAIN && kind == HARDSIGMOID) return where<T>((y > V(0)) & (y < V(1)), V(T(1) / T(6)), V(0));
  return y * (V(1) - y);
}

template <typename T>
Vectorized<T> load_bytes(const uint8_t* source, int count) {
  T values[Vectorized<T>::size()] = {};
  for (int n = 0; n < count; ++n) values[n] = source[n];
  return Vectorized<T>::loadu(values);
}

// f(place, count) for every vector of a row of `size`; the last may be shorter.
template <typename T, typename F>
inline void over(int64_t size, F f) {
  constexpr int width = Vectorized<T>::size();
  int64_t place = 0;
  for (; place + width <= size; place += width) f(place, width);
  if (place < size) f(place, static_cast<int>(size - place));
}

template <typename T>
inline Vectorized<T> load(const T* source, int count) {
  return count == Vectorized<T>::size() ? Vectorized<T>::loadu(source) : Vectorized<T>::loadu(source, count);
}

template <typename T>
inline void store(Vectorized<T> value, T* target, int count) {
  if (count == Vectorized<T>::size()) {
    value.store(target);
  } else {
    value.store(target, count);
  }
}

template <typename T>
void mean_and_scale(const T* row, int64_t size, T& mean, T& scale) {
  T sum = 0;
  for (int64_t n = 0; n < size; ++n) sum += row[n];
  mean = sum / size;
  T squares = 0;
  for (int64_t n = 0; n < size; ++n) squares += (row[n] - mean) * (row[n] - mean);
  scale = T(1) / std::sqrt(squares / size + T(NORM_EPSILON));
}

// Gradient of what was normalised: scale * (g - mean(g) - xhat * mean(g * xhat)), with g of the normalised.
template <typename T>
void norm_backward(const T* g, const T* xhat, T scale, int64_t size, T* result) {
  T sum = 0, product = 0;
  for (int64_t n = 0; n < size; ++n) {
    sum += g[n];
    product += g[n] * xhat[n];
  }
  sum /= size;
  product /= size;
  for (int64_t n = 0; n < size; ++n) result[n] = scale * (g[n] - sum - xhat[n] * product);
}

// Row pointers of a pass over one task.
template <typename T>
struct Rows {
  static T* at(void* buffer, int64_t row, int64_t width) { return static_cast<T*>(buffer) + row * width; }
  static const T* at(const void* buffer, int64_t row, int64_t width) {
    return static_cast<const T*>(buffer) + row * width;
  }
};

// c [m] += a [m, k] b [k], the product of a step that one text alone has: here BLAS gains nothing by copying a.
template <typename T>
void add_product(int64_t m, int64_t k, const T* a, const T* b, T* c) {
  using V = Vectorized<T>;
  constexpr int ROWS = 4;
  int64_t row = 0;
  for (; row + ROWS <= m; row += ROWS, a += ROWS * k) {
    V sums[ROWS] = {V(0), V(0), V(0), V(0)};
    over<T>(k, [&](int64_t n, int count) {
      const V value = load(b + n, count);
      for (int r = 0; r < ROWS; ++r) sums[r] = at::vec::fmadd(load(a + r * k + n, count), value, sums[r]);
    });
    for (int r = 0; r < ROWS; ++r) c[row + r] += at::vec::vec_reduce_all<T>([](V& x, V& y) { return x + y; }, sums[r]);
  }
}

// ---------------------------------------------------------------- forward

template <typename T, bool PLAIN>
struct Forward : Rows<T> {
  using Rows<T>::at;
  using V = Vectorized<T>;
  const Call& call;
  const Direction& dir;
  const Task& task;
  const int64_t H;
  std::vector<T> rows, projected;  // of some steps: what is read, and where gates are not kept its projection
  int64_t first_gates = 0;         // row whose gates stand first
  T* all_gates = nullptr;

  Forward(const Call& c, const Task& t)
      : call(c), dir(c.directions[t.direction]), task(t), H(c.hidden), all_gates(static_cast<T*>(dir.gates)) {}

  T* gates_of(int64_t row) { return all_gates + (row - first_gates) * 4 * H; }

  void run() {
    int64_t row = task.first_row, before = -1, ready = row;
    for (int32_t step = 0; step < task.steps; ++step) {
      const int64_t texts = task.sizes[step];
      const int64_t next = step + 1 < task.steps ? task.sizes[step + 1] : 0;
      if (dir.source && row == ready) ready = project(step, row);
      product(step, row, texts);
      for (int64_t text = 0; text < texts; ++text) {
        cell(row + text, before < 0 ? -1 : before + text, text < next ? row + texts + text : -1, task.first_text + text);
      }
      before = row;
      row += texts;
    }
  }

  // The projection of the next steps, so many that it is a large product, so few that it is still near when it is read.
  // Gives the row after them.
  int64_t project(int32_t step, int64_t row) {
    int64_t end = row;
    while (step < task.steps && (end == row || end - row + task.sizes[step] <= PROJECTED)) end += task.sizes[step++];
    const int64_t count = end - row, size = call.inputs;
    rows.resize(std::max<size_t>(rows.size(), count * size));
    for (int64_t n = 0; n < count; ++n) std::copy_n(at(dir.source, dir.places[row + n], size), size, &rows[n * size]);
    if (!call.keep) {
      projected.resize(std::max<size_t>(projected.size(), count * 4 * H));
      all_gates = projected.data();
      first_gates = row;
    }
    gemm('T', 4 * H, count, size, static_cast<const T*>(dir.weight_ih), size, rows.data(), size, T(0), gates_of(row), 4 * H);
    return end;
  }

  void product(int32_t step, int64_t row, int64_t texts) {
    T* gates = gates_of(row);
    const int64_t place = call.keep ? row : task.first_text;
    // No state was before the first token; the gradient of the weights reads these rows too.
    if (step == 0) std::fill_n(at(dir.inputs, place, H), texts * H, T(0));
    if (PLAIN || !dir.normalized) {
      if (step > 0 && texts == 1) {
        add_product(4 * H, H, static_cast<const T*>(dir.weight), at(dir.inputs, place, H), gates);
      } else if (step > 0) {
        gemm('T', 4 * H, texts, H, static_cast<const T*>(dir.weight), H, at(dir.inputs, place, H), H, T(1), gates,
             4 * H);
      }
      return;
    }
    T* xhat = at(dir.normalized, row, 4 * H);
    if (step > 0) {
      gemm('T', 4 * H, texts, H, static_cast<const T*>(dir.weight), H, at(dir.inputs, place, H), H, T(0), xhat, 4 * H);
    } else {
      std::fill(xhat, xhat + texts * 4 * H, T(0));
    }
    const T* gain = static_cast<const T*>(dir.state_gain);
    for (int64_t text = 0; text < texts; ++text, xhat += 4 * H, gates += 4 * H) {
      T mean, scale;
      mean_and_scale(xhat, 4 * H, mean, scale);
      at(dir.scales, row + text, 3)[0] = scale;
      over<T>(4 * H, [&](int64_t n, int count) {
        V normal = (load(xhat + n, count) - V(mean)) * V(scale);
        store(normal, xhat + n, count);
        store(load(gates + n, count) + load(gain + n, count) * normal, gates + n, count);
      });
    }
  }

  // One token of one text. before: row of the text's step before, -1 at its first; next: of the step after.
  void cell(int64_t row, int64_t before, int64_t next, int64_t text) {
    T* gates = gates_of(row);
    const T* bias = static_cast<const T*>(dir.bias);
    if (PLAIN && !call.keep) {
      state_alone(gates, bias, row, before < 0, text);
      return;
    }
    T* cells = at(dir.cells, row, H);
    T* squashed = at(dir.squashed, row, H);
    T* output = static_cast<T*>(call.output) + dir.places[row] * call.output_stride + task.direction * H;
    const T* old_cells = before < 0 ? nullptr : at(dir.cells, before, H);
    const T* old_output =
        before < 0 ? nullptr : static_cast<T*>(call.output) + dir.places[before] * call.output_stride + task.direction * H;
    T* inputs = next < 0 ? nullptr : at(dir.inputs, next, H);
    const T* state_mask = dir.state_mask ? at(dir.state_mask, text, H) : nullptr;
    if (PLAIN) {
      over<T>(H, [&](int64_t n, int count) {
        auto biased = [&](int64_t place) { return load(gates + place, count) + load(bias + place, count); };
        V i = sigmoid(biased(n)), f = sigmoid(biased(H + n)), g = tanh_of(biased(2 * H + n)), o = sigmoid(biased(3 * H + n));
        V c = i * g;
        if (old_cells) c = c + f * load(old_cells + n, count);
        V t = tanh_of(c);
        V h = o * t;
        store(i, gates + n, count);
        store(f, gates + H + n, count);
        store(g, gates + 2 * H + n, count);
        store(o, gates + 3 * H + n, count);
        store(c, cells + n, count);
        store(t, squashed + n, count);
        store(h, output + n, count);
        if (inputs) store(state_mask ? h * load(state_mask + n, count) : h, inputs + n, count);
      });
      return;
    }
    const T* candidate_mask =
        dir.candidate_mask ? at(dir.candidate_mask, call.candidate_by_row ? row : text, H) : nullptr;
    T* fresh = dir.fresh ? at(dir.fresh, row, H) : cells;
    over<T>(H, [&](int64_t n, int count) {
      auto biased = [&](int64_t place) { return load(gates + place, count) + load(bias + place, count); };
      V i = gate<T, PLAIN>(call.recurrent_activation, biased(n));
      V f = gate<T, PLAIN>(call.recurrent_activation, biased(H + n));
      V x = biased(2 * H + n);
      V g = squash<T, PLAIN>(call.activation, x);
      V o = gate<T, PLAIN>(call.recurrent_activation, biased(3 * H + n));
      V c = i * (candidate_mask ? g * load(candidate_mask + n, count) : g);
      if (old_cells) c = c + f * load(old_cells + n, count);
      store(i, gates + n, count);
      store(f, gates + H + n, count);
      store(call.activation == GELU ? x : g, gates + 2 * H + n, count);
      store(o, gates + 3 * H + n, count);
      store(c, fresh + n, count);
    });
    T mean = 0, scale = 1;
    if (dir.normalized) {
      mean_and_scale(fresh, H, mean, scale);
      at(dir.scales, row, 3)[1] = mean;
      at(dir.scales, row, 3)[2] = scale;
    }
    const T* gain = static_cast<const T*>(dir.cell_gain);
    const T* shift = static_cast<const T*>(dir.cell_shift);
    over<T>(H, [&](int64_t n, int count) {
      V c = load(fresh + n, count);
      V normal = dir.normalized ? (c - V(mean)) * V(scale) * load(gain + n, count) + load(shift + n, count) : c;
      V t = squash<T, PLAIN>(call.activation, normal);
      V h = load(gates + 3 * H + n, count) * t;
      V old_c = old_cells ? load(old_cells + n, count) : V(0);
      V old_h = old_output ? load(old_output + n, count) : V(0);
      c = zoned(c, old_c, call.zoneout_cell, dir.keep_cell, row, n, count);
      h = zoned(h, old_h, call.zoneout_hidden, dir.keep_hidden, row, n, count);
      store(t, squashed + n, count);
      store(c, cells + n, count);
      store(h, output + n, count);
      if (inputs) store(state_mask ? h * load(state_mask + n, count) : h, inputs + n, count);
    });
  }

  // The same of a plain cell where nothing is kept: cell and state of a text stand in one place for all its steps.
  void state_alone(const T* gates, const T* bias, int64_t row, bool first, int64_t text) {
    T* cells = at(dir.cells, text, H);
    T* inputs = at(dir.inputs, text, H);
    T* output = static_cast<T*>(call.output) + dir.places[row] * call.output_stride + task.direction * H;
    over<T>(H, [&](int64_t n, int count) {
      auto biased = [&](int64_t place) { return load(gates + place, count) + load(bias + place, count); };
      V c = sigmoid(biased(n)) * tanh_of(biased(2 * H + n));
      if (!first) c = c + sigmoid(biased(H + n)) * load(cells + n, count);
      V h = sigmoid(biased(3 * H + n)) * tanh_of(c);
      store(c, cells + n, count);
      store(h, output + n, count);
      store(h, inputs + n, count);
    });
  }

  V zoned(V fresh, V old, double rate, const uint8_t* keep, int64_t row, int64_t n, int count) const {
    if (rate == 0) return fresh;
    if (!call.training) return V(T(rate)) * old + V(T(1 - rate)) * fresh;
    return where<T>(load_bytes<T>(keep + row * H + n, count) > V(0), old, fresh);
  }
};

// ---------------------------------------------------------------- backward

template <typename T, bool PLAIN>
struct Backward : Rows<T> {
  using Rows<T>::at;
  using V = Vectorized<T>;
  const Call& call;
  const Direction& dir;
  const Task& task;
  const int64_t H;
  std::vector<T> of_state, of_cell, passed;  // [texts, H] gradients that come from the step after
  std::vector<T> first, second, third;       // [4H] one row

  Backward(const Call& c, const Task& t)
      : call(c),
        dir(c.directions[t.direction]),
        task(t),
        H(c.hidden),
        of_state(t.texts * c.hidden),
        of_cell(t.texts * c.hidden),
        passed(!PLAIN && c.zoneout_hidden != 0 ? t.texts * c.hidden : 0),
        first(PLAIN ? 0 : 4 * c.hidden),
        second(PLAIN ? 0 : 4 * c.hidden),
        third(PLAIN ? 0 : 4 * c.hidden) {}

  void run() {
    int64_t row = task.first_row;
    for (int32_t step = 0; step < task.steps; ++step) row += task.sizes[step];
    for (int32_t step = task.steps - 1; step >= 0; --step) {
      const int64_t texts = task.sizes[step];
      row -= texts;
      const int64_t before = step > 0 ? row - task.sizes[step - 1] : -1;
      for (int64_t text = 0; text < texts; ++text) {
        PLAIN ? plain_cell(row + text, before < 0 ? -1 : before + text, text)
              : cell(row + text, before < 0 ? -1 : before + text, text);
      }
      if (step > 0) to_state_before(row, texts);
    }
  }

  // of_state <- gradient of the states of the step before.
  void to_state_before(int64_t row, int64_t texts) {
    gemm('N', H, texts, 4 * H, static_cast<const T*>(dir.weight), H, at(dir.product_gradients, row, 4 * H), 4 * H, T(0),
         of_state.data(), H);
    if (!dir.state_mask && passed.empty()) return;
    const T* mask = dir.state_mask ? at(dir.state_mask, task.first_text, H) : nullptr;
    over<T>(texts * H, [&](int64_t n, int count) {
      V gradient = load(of_state.data() + n, count);
      if (mask) gradient = gradient * load(mask + n, count);
      if (!passed.empty()) gradient = gradient + load(passed.data() + n, count);
      store(gradient, of_state.data() + n, count);
    });
  }

  void plain_cell(int64_t row, int64_t before, int64_t text) {
    const T* gates = at(dir.gates, row, 4 * H);
    const T* squashed = at(dir.squashed, row, H);
    const T* old_cells = before < 0 ? nullptr : at(dir.cells, before, H);
    const T* above = static_cast<const T*>(call.output) + dir.places[row] * call.output_stride + task.direction * H;
    T* result = at(dir.gate_gradients, row, 4 * H);
    T* state = of_state.data() + text * H;
    T* carried = of_cell.data() + text * H;
    over<T>(H, [&](int64_t n, int count) {
      V i = load(gates + n, count), f = load(gates + H + n, count);
      V g = load(gates + 2 * H + n, count), o = load(gates + 3 * H + n, count);
      V t = load(squashed + n, count);
      V h = load(above + n, count) + load(state + n, count);
      V c = load(carried + n, count) + h * o * (V(1) - t * t);
      V old = old_cells ? load(old_cells + n, count) : V(0);
      store(c * g * i * (V(1) - i), result + n, count);
      store(c * old * f * (V(1) - f), result + H + n, count);
      store(c * i * (V(1) - g * g), result + 2 * H + n, count);
      store(h * t * o * (V(1) - o), result + 3 * H + n, count);
      store(c * f, carried + n, count);
    });
  }

  void cell(int64_t row, int64_t before, int64_t text) {
    const T* gates = at(dir.gates, row, 4 * H);
    const T* squashed = at(dir.squashed, row, H);
    const T* fresh = dir.fresh ? at(dir.fresh, row, H) : at(dir.cells, row, H);
    const T* old_cells = before < 0 ? nullptr : at(dir.cells, before, H);
    const T* above = static_cast<const T*>(call.output) + dir.places[row] * call.output_stride + task.direction * H;
    const T* candidate_mask =
        dir.candidate_mask ? at(dir.candidate_mask, call.candidate_by_row ? row : task.first_text + text, H) : nullptr;
    T* result = at(dir.gate_gradients, row, 4 * H);
    T* state = of_state.data() + text * H;
    T* carried = of_cell.data() + text * H;
    T* to_cell = first.data();   // of phi's argument, then of the fresh cell state
    T* normal = second.data();   // the normalised fresh cell state
    const T mean = dir.normalized ? at(dir.scales, row, 3)[1] : T(0);
    const T scale = dir.normalized ? at(dir.scales, row, 3)[2] : T(1);
    const T* gain = static_cast<const T*>(dir.cell_gain);
    const T* shift = static_cast<const T*>(dir.cell_shift);
    over<T>(H, [&](int64_t n, int count) {
      V h = load(above + n, count) + load(state + n, count);
      if (call.zoneout_hidden != 0) {
        V share = kept(call.zoneout_hidden, dir.keep_hidden, row, n, count);
        store(h * share, passed.data() + text * H + n, count);
        h = h * (V(1) - share);
      }
      V o = load(gates + 3 * H + n, count), t = load(squashed + n, count);
      V x = load(fresh + n, count);
      if (dir.normalized) {
        x = (x - V(mean)) * V(scale);
        store(x, normal + n, count);
        x = x * load(gain + n, count) + load(shift + n, count);
      }
      store(h * t * gate_slope<T, PLAIN>(call.recurrent_activation, o), result + 3 * H + n, count);
      store(h * o * squash_slope<T, PLAIN>(call.activation, t, x), to_cell + n, count);
    });
    if (dir.normalized) {
      T* gain_sum = static_cast<T*>(task.gain_gradients) + 4 * H;
      T* shift_sum = gain_sum + H;
      T* scaled = third.data();
      over<T>(H, [&](int64_t n, int count) {
        V g = load(to_cell + n, count);
        store(load(gain_sum + n, count) + g * load(normal + n, count), gain_sum + n, count);
        store(load(shift_sum + n, count) + g, shift_sum + n, count);
        store(g * load(gain + n, count), scaled + n, count);
      });
      norm_backward(scaled, normal, scale, H, to_cell);
    }
    over<T>(H, [&](int64_t n, int count) {
      V i = load(gates + n, count), f = load(gates + H + n, count), x = load(gates + 2 * H + n, count);
      V g = call.activation == GELU ? squash<T, PLAIN>(GELU, x) : x;
      V m = candidate_mask ? load(candidate_mask + n, count) : V(1);
      V c = load(carried + n, count), past = V(0);
      if (call.zoneout_cell != 0) {
        V share = kept(call.zoneout_cell, dir.keep_cell, row, n, count);
        past = c * share;
        c = c * (V(1) - share);
      }
      c = c + load(to_cell + n, count);
      V old = old_cells ? load(old_cells + n, count) : V(0);
      store(c * g * m * gate_slope<T, PLAIN>(call.recurrent_activation, i), result + n, count);
      store(c * old * gate_slope<T, PLAIN>(call.recurrent_activation, f), result + H + n, count);
      store(c * i * m * squash_slope<T, PLAIN>(call.activation, g, x), result + 2 * H + n, count);
      store(c * f + past, carried + n, count);
    });
    if (dir.normalized) {
      const T* state_gain = static_cast<const T*>(dir.state_gain);
      const T* xhat = at(dir.normalized, row, 4 * H);
      T* gain_sum = static_cast<T*>(task.gain_gradients);
      T* scaled = first.data();
      over<T>(4 * H, [&](int64_t n, int count) {
        V g = load(result + n, count);
        store(load(gain_sum + n, count) + g * load(xhat + n, count), gain_sum + n, count);
        store(g * load(state_gain + n, count), scaled + n, count);
      });
      norm_backward(scaled, xhat, at(dir.scales, row, 3)[0], 4 * H, at(dir.product_gradients, row, 4 * H));
    }
  }

  V kept(double rate, const uint8_t* keep, int64_t row, int64_t n, int count) const {
    return call.training ? load_bytes<T>(keep + row * H + n, count) : V(T(rate));
  }
};

bool is_plain(const Call& call, const Direction& dir) {
  return call.activation == TANH && call.recurrent_activation == SIGMOID && !dir.normalized && !dir.candidate_mask &&
         call.zoneout_cell == 0 && call.zoneout_hidden == 0;
}

template <typename T, template <typename, bool> class Pass>
void over_tasks(const Call& call) {
#pragma omp parallel for schedule(static, 1) num_threads(call.threads)
  for (int32_t number = 0; number < call.tasks; ++number) {
    const Task& task = call.task[number];
    if (is_plain(call, call.directions[task.direction])) {
      Pass<T, true>(call, task).run();
    } else {
      Pass<T, false>(call, task).run();
    }
  }
}

}  // namespace

extern "C" {
void textlstm_forward_float32(const Call* call) { over_tasks<float, Forward>(*call); }
void textlstm_forward_float64(const Call* call) { over_tasks<double, Forward>(*call); }
void textlstm_backward_float32(const Call* call) { over_tasks<float, Backward>(*call); }
void textlstm_backward_float64(const Call* call) { over_tasks<double, Backward>(*call); }
}
