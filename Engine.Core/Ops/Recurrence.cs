using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine
{
    /// <summary>How a recurrence is computed; never what.</summary>
    public enum RecurrenceMode
    {
        /// <summary>Step by step with the state in cache.</summary>
        Recurrent,

        /// <summary>By chunks, as matrix products: the fastest for more than a few steps.</summary>
        Chunkwise,

        /// <summary>One chunk of the whole length: dense L × L scores, composed of tensor ops.</summary>
        Parallel,
    }

    /// <summary>Matrix-state recurrences.</summary>
    public sealed partial class Tensor
    {
        /// <summary>Gated linear attention (Yang et al. 2023): S_t = diag(e^{g_t}) S_{t-1} + k_tᵀ v_t, o_t = scale q_t S_t.</summary>
        /// <param name="q">[B, L, h, dk].</param>
        /// <param name="k">[B, L, h, dk].</param>
        /// <param name="v">[B, L, h, dv].</param>
        /// <param name="logDecay">g ≤ 0 [B, L, h, dk].</param>
        /// <param name="scale">Usually dk^(-1/2).</param>
        /// <param name="initialState">[B, h, dk, dv]; null: zero.</param>
        /// <param name="mode">How to compute it.</param>
        /// <param name="chunkSize">The most steps per chunk of the chunkwise mode; a backward pass keeps one state per chunk.</param>
        /// <param name="subChunkSize">Steps per sub-chunk of the parallel mode. Fused kernels cut chunks as suits the device.</param>
        /// <returns>o [B, L, h, dv] and the state after the last step.</returns>
        public static (Tensor Output, Tensor FinalState) GatedLinearAttention(
            Tensor q, Tensor k, Tensor v, Tensor logDecay, double scale, Tensor? initialState = null,
            RecurrenceMode mode = RecurrenceMode.Recurrent, int chunkSize = 64, int subChunkSize = 16) =>
            RecurrenceOps.Run("gla", new MatrixStateSpec(StateDecayKind.Log, null, scale), q, k, v, logDecay, initialState, mode, chunkSize, subChunkSize);

        /// <summary>Retention (Sun et al. 2023): as gated linear attention with one fixed factor per head, which may be 0 or 1.</summary>
        /// <param name="q">[B, L, h, dk].</param>
        /// <param name="k">[B, L, h, dk].</param>
        /// <param name="v">[B, L, h, dv].</param>
        /// <param name="gamma">h factors in [0, 1].</param>
        /// <param name="scale">Multiplies the outputs.</param>
        /// <param name="initialState">[B, h, dk, dv]; null: zero.</param>
        /// <param name="mode">How to compute it.</param>
        /// <param name="chunkSize">The most steps per chunk of the chunkwise mode; a backward pass keeps one state per chunk.</param>
        public static (Tensor Output, Tensor FinalState) Retention(
            Tensor q, Tensor k, Tensor v, double[] gamma, double scale = 1, Tensor? initialState = null,
            RecurrenceMode mode = RecurrenceMode.Recurrent, int chunkSize = 64) =>
            RecurrenceOps.Run("retention", new MatrixStateSpec(StateDecayKind.PerHead, gamma, scale), q, k, v, null, initialState, mode, chunkSize, 16);

        /// <summary>The recurrence of HGRN-2 (Qin et al. 2024): gate = l + (1-l) σ(f), k = (1-l) σ(-f), S_t = diag(gate_t) S_{t-1} +
        /// k_tᵀ i_t, o_t = scale q_t S_t.</summary>
        /// <param name="q">[B, L, h, d], already activated.</param>
        /// <param name="f">Gate logits [B, L, h, d].</param>
        /// <param name="i">What is written [B, L, h, dv].</param>
        /// <param name="lowerBound">l in [0, 1), [h, d]; null: 0.</param>
        /// <param name="scale">Multiplies the outputs.</param>
        /// <param name="initialState">[B, h, d, dv]; null: zero.</param>
        /// <param name="mode">How to compute it.</param>
        /// <param name="chunkSize">The most steps per chunk of the chunkwise mode; a backward pass keeps one state per chunk.</param>
        /// <param name="subChunkSize">Steps per sub-chunk of the parallel mode. Fused kernels cut chunks as suits the device.</param>
        public static (Tensor Output, Tensor FinalState) Hgrn2(
            Tensor q, Tensor f, Tensor i, Tensor? lowerBound = null, double scale = 1, Tensor? initialState = null,
            RecurrenceMode mode = RecurrenceMode.Recurrent, int chunkSize = 64, int subChunkSize = 16)
        {
            ArgumentNullException.ThrowIfNull(f);
            // 1 - gate as (1-l) σ(-f): no digits are lost when the gate is near 1. The gate itself, not its logarithm, goes into the
            // recurrence, so that a bound or a gate of exactly 0 has a finite gradient.
            var open = f.Sigmoid();
            var k = (-f).Sigmoid();
            var gate = open;
            if (lowerBound is not null)
            {
                var free = 1 - lowerBound;
                gate = lowerBound + free * open;
                k = free * k;
            }

            return RecurrenceOps.Run("hgrn2", new MatrixStateSpec(StateDecayKind.Gate, null, scale), q, k, i, gate, initialState, mode, chunkSize, subChunkSize);
        }

        /// <summary>WKV-7, the generalised delta rule of RWKV-7 (Peng et al. 2025): u_t = a_t S_{t-1}, S_t = diag(e^{log w_t}) S_{t-1} +
        /// b_tᵀ u_t + k_tᵀ v_t, o_t = r_t S_t.</summary>
        /// <param name="r">[B, L, h, dk].</param>
        /// <param name="logW">Log decay ≤ 0 [B, L, h, dk].</param>
        /// <param name="k">[B, L, h, dk].</param>
        /// <param name="v">[B, L, h, dv].</param>
        /// <param name="a">[B, L, h, dk].</param>
        /// <param name="b">[B, L, h, dk].</param>
        /// <param name="initialState">[B, h, dk, dv], key axis first; null: zero.</param>
        /// <param name="mode">Recurrent or chunkwise.</param>
        /// <param name="chunkSize">The most steps per chunk of the chunkwise mode; a backward pass keeps one state per chunk.</param>
        public static (Tensor Output, Tensor FinalState) Wkv7(
            Tensor r, Tensor logW, Tensor k, Tensor v, Tensor a, Tensor b, Tensor? initialState = null,
            RecurrenceMode mode = RecurrenceMode.Recurrent, int chunkSize = 64)
        {
            ArgumentNullException.ThrowIfNull(r);
            if (mode == RecurrenceMode.Parallel) throw TensorException.For("wkv7", $"has no {mode} form: recurrent or chunkwise", r);
            var spec = new MatrixStateSpec(StateDecayKind.Log, null, 1, RecurrenceOps.Chunk("wkv7", mode, chunkSize));
            return MatrixState.Run("wkv7", spec, r, k, v, logW, a, b, initialState);
        }

        /// <summary>Linear attention (Katharopoulos et al. 2020) on features that are already positive, or any without
        /// <paramref name="normalize"/>: S_t = Σ k_iᵀ v_i, z_t = Σ k_i, out_t = q_t S_t / (q_t·z_t + eps).</summary>
        /// <param name="q">φ(q) [B, L, h, dk].</param>
        /// <param name="k">φ(k) [B, L, h, dk].</param>
        /// <param name="v">[B, L, h, dv].</param>
        /// <param name="causal">Sums over i ≤ t; false: over all positions, without states.</param>
        /// <param name="normalize">Divide by q_t·z_t + eps.</param>
        /// <param name="eps">Added to the denominator.</param>
        /// <param name="initialState">S_{-1} [B, h, dk, dv]; null: zero.</param>
        /// <param name="initialZ">z_{-1} [B, h, dk]; null: zero.</param>
        /// <returns>out [B, L, h, dv]; causal: the states after the last step.</returns>
        public static (Tensor Output, Tensor? FinalState, Tensor? FinalZ) LinearAttention(
            Tensor q, Tensor k, Tensor v, bool causal = true, bool normalize = true, double eps = 1e-6, Tensor? initialState = null, Tensor? initialZ = null)
        {
            ArgumentNullException.ThrowIfNull(q);
            ArgumentNullException.ThrowIfNull(k);
            ArgumentNullException.ThrowIfNull(v);
            if (!causal)
            {
                if (initialState is not null || initialZ is not null) throw TensorException.For("linear_attention", "states are for the causal form", q);
                using var full = MixedPrecision.Products(DType.Float32);
                var s = Einsum("bkhd,bkhe->bhde", k, v);
                var y = Einsum("bqhd,bhde->bqhe", q, s);
                return (normalize ? y / (Einsum("bqhd,bkhd->bqh", q, k) + eps).Unsqueeze(-1) : y, null, null);
            }

            // One token, as in streaming, is one step.
            var mode = q.Rank > 1 && q.Layout.Dims[1] == 1 ? RecurrenceMode.Recurrent : RecurrenceMode.Chunkwise;
            var (output, final) = RecurrenceOps.Run(
                "linear_attention", new MatrixStateSpec(StateDecayKind.None, null, 1), q, k, v, null, initialState, mode, chunk: 64, subChunk: 16);
            if (!normalize) return (output, final, null);
            var z = k.CumSum(1);
            if (initialZ is not null) z += initialZ.Unsqueeze(1);
            var denominator = (q * z).Sum(-1, keepdim: true) + eps;
            return (output / denominator, final, z.Select(1, -1));
        }
    }
}

namespace Edifice.Engine.Ops
{
    /// <summary>Modes and the table's rows of the matrix-state recurrences.</summary>
    internal static class RecurrenceOps
    {
        public static (Tensor Output, Tensor FinalState) Run(
            string op, in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? initial, RecurrenceMode mode, int chunk, int subChunk)
        {
            if (subChunk < 1) throw new TensorException($"{op}: the sub-chunk size must be at least 1, got {subChunk}");
            var size = Chunk(op, mode, chunk);
            if (mode != RecurrenceMode.Parallel) return MatrixState.Run(op, spec with { Chunk = size }, q, k, v, decay, null, null, initial);
            MatrixState.Check(op, spec, q, k, v, decay, null, null, initial);
            return ChunkedState.Run(spec, q, k, v, decay, initial, q.Layout.Dims[1], subChunk);
        }

        /// <summary>The chunk size that makes the kernel work as the mode says; 0: step by step.</summary>
        public static int Chunk(string op, RecurrenceMode mode, int chunk)
        {
            if (chunk < 1) throw new TensorException($"{op}: the chunk size must be at least 1, got {chunk}");
            return mode == RecurrenceMode.Recurrent ? 0 : chunk;
        }

        private static OpResults Named(string name, (Tensor Output, Tensor FinalState) r) => [(name, r.Output), ("final_state", r.FinalState)];

        private static Tensor Features(string map, Tensor x) => map switch
        {
            "elu1" => x.Elu1(),
            "relu" => x.Relu(),
            "identity" => x,
            _ => throw new TensorException($"unknown feature map '{map}': elu1, relu or identity"),
        };

        public static RecurrenceMode Mode(OptionBag options) => options.Text("mode", "recurrent") switch
        {
            "recurrent" => RecurrenceMode.Recurrent,
            "chunkwise" => RecurrenceMode.Chunkwise,
            "parallel" => RecurrenceMode.Parallel,
            var other => throw new TensorException($"unknown mode '{other}': recurrent, chunkwise or parallel"),
        };

        public static IEnumerable<OpEntry> Entries()
        {
            yield return new OpEntry("gla", c => Named("o", Tensor.GatedLinearAttention(
                    c["q"], c["k"], c["v"], c["g"], c.Options.Double("scale", 1), c.Optional("initial_state"), Mode(c.Options), c.Options.Int("chunk_size", 64), c.Options.Int("sub_chunk_size", 16))),
                () => Gated("""{"scale": 0.5}""", 2, 5, 2, 3, 2, state: true), () => Gated("""{"scale": 0.5}""", 1, 1, 1, 2, 3, state: false),
                () => Gated("""{"scale": 0.5, "mode": "chunkwise", "chunk_size": 5, "sub_chunk_size": 2}""", 1, 7, 2, 2, 3, state: true));
            yield return new OpEntry("retention", c => Named("o", Tensor.Retention(
                    c["q"], c["k"], c["v"], c.Options.Doubles("gamma") ?? [], c.Options.Double("scale", 1), c.Optional("initial_state"), Mode(c.Options), c.Options.Int("chunk_size", 64))),
                () => Heads("""{"gamma": [0.5, 1.0], "scale": 0.7}""", 2, 5, 2, 3, 2, state: true),
                () => Heads("""{"gamma": [0.0, 0.9], "mode": "parallel"}""", 1, 4, 2, 2, 2, state: true),
                () => Heads("""{"gamma": [0.25], "mode": "chunkwise", "chunk_size": 3}""", 1, 7, 1, 2, 3, state: false));
            yield return new OpEntry("hgrn2", c => Named("o", Tensor.Hgrn2(
                    c["q"], c["f"], c["i"], c.Optional("lower_bound"), c.Options.Double("scale", 1), c.Optional("initial_state"), Mode(c.Options), c.Options.Int("chunk_size", 64), c.Options.Int("sub_chunk_size", 16))),
                () => OpCase.Of("{}", ("q", Sample.Normal(2, 4, 2, 3)), ("f", Sample.Normal(2, 4, 2, 3)), ("i", Sample.Normal(2, 4, 2, 2)),
                    ("lower_bound", Sample.Uniform(0.1, 0.9, 2, 3)), ("initial_state", Sample.Normal(2, 2, 3, 2))),
                () => OpCase.Of("""{"mode": "chunkwise", "chunk_size": 2}""", ("q", Sample.Normal(1, 5, 1, 3)), ("f", Sample.Normal(1, 5, 1, 3)), ("i", Sample.Normal(1, 5, 1, 2))));
            yield return new OpEntry("linear_attention", c =>
                {
                    var map = c.Options.Text("feature_map", "elu1");
                    var (output, s, z) = Tensor.LinearAttention(
                        Features(map, c["q"]), Features(map, c["k"]), c["v"], c.Options.Bool("causal", true), c.Options.Bool("normalize", true),
                        c.Options.Double("eps", 1e-6), c.Optional("initial_state"), c.Optional("initial_z"));
                    OpResults results = output;
                    if (s is not null) results.Add(("final_state", s));
                    if (z is not null) results.Add(("final_z", z));
                    return results;
                },
                () => Heads("{}", 2, 5, 2, 3, 2, state: true).With(new Dictionary<string, Tensor> { ["initial_z"] = Sample.Positive(2, 2, 3) }),
                () => Heads("""{"causal": false}""", 1, 4, 2, 2, 3, state: false),
                () => Heads("""{"feature_map": "identity", "normalize": false}""", 1, 4, 1, 2, 3, state: false));
            yield return new OpEntry("wkv7", c => Named("o", Tensor.Wkv7(
                    c["r"], c["log_w"], c["k"], c["v"], c["a"], c["b"], c.Optional("initial_state"), Mode(c.Options), c.Options.Int("chunk_size", 64))),
                () => Delta("{}", 2, 4, 2, 3, 2, state: true), () => Delta("{}", 1, 1, 1, 2, 2, state: false),
                () => Delta("""{"mode": "chunkwise", "chunk_size": 3}""", 1, 5, 1, 2, 3, state: true));
        }

        private static OpCase Heads(string options, int b, int l, int h, int dk, int dv, bool state)
        {
            var c = OpCase.Of(options, ("q", Sample.AwayFromZero(b, l, h, dk)), ("k", Sample.AwayFromZero(b, l, h, dk)), ("v", Sample.Normal(b, l, h, dv)));
            return state ? c.With(new Dictionary<string, Tensor> { ["initial_state"] = Sample.Normal(b, h, dk, dv) }) : c;
        }

        private static OpCase Gated(string options, int b, int l, int h, int dk, int dv, bool state) =>
            Heads(options, b, l, h, dk, dv, state).With(new Dictionary<string, Tensor> { ["g"] = -Sample.Uniform(0.05, 2, b, l, h, dk) });

        private static OpCase Delta(string options, int b, int l, int h, int dk, int dv, bool state)
        {
            var c = Heads(options, b, l, h, dk, dv, state);
            return c.With(new Dictionary<string, Tensor>
            {
                ["r"] = c["q"], ["log_w"] = -Sample.Uniform(0.05, 2, b, l, h, dk), ["a"] = Sample.Normal(b, l, h, dk) * 0.5, ["b"] = Sample.Normal(b, l, h, dk) * 0.5,
            });
        }
    }
}
