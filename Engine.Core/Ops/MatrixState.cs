using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Ops;

/// <summary>The matrix-state recurrence behind linear attention, retention, GLA, HGRN-2 and WKV-7:
/// S_t = diag(decay_t) S_{t-1} + b_tᵀ (a_t S_{t-1}) + k_tᵀ v_t, o_t = scale q_t S_t; all causal, the state of step t already holds
/// token t.</summary>
internal static class MatrixState
{
    /// <summary>Runs the fused kernel and records it.</summary>
    /// <param name="op">The name under which it is recorded and errors are reported.</param>
    /// <param name="spec">Kind of decay, scale and algorithm.</param>
    /// <param name="q">[B, L, h, dk].</param>
    /// <param name="k">[B, L, h, dk].</param>
    /// <param name="v">[B, L, h, dv].</param>
    /// <param name="decay">[B, L, h, dk] for the per-channel kinds.</param>
    /// <param name="a">[B, L, h, dk], with <paramref name="b"/>: the delta rule.</param>
    /// <param name="b">[B, L, h, dk].</param>
    /// <param name="initial">[B, h, dk, dv]; null: zero.</param>
    public static (Tensor Output, Tensor FinalState) Run(
        string op, MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial)
    {
        Check(op, spec, q, k, v, decay, a, b, initial);
        Tensor?[] inputs = [q.Contiguous(), k.Contiguous(), v.Contiguous(), decay?.Contiguous(), a?.Contiguous(), b?.Contiguous(), initial?.Contiguous()];
        int batch = q.Layout.Dims[0], length = q.Layout.Dims[1], heads = q.Layout.Dims[2], dk = q.Layout.Dims[3], dv = v.Layout.Dims[3];
        var output = Tensor.Allocate([batch, length, heads, dv], q.DType, q.Device);
        var final = Tensor.Allocate([batch, heads, dk, dv], q.DType, q.Device);
        var watched = Tape.Watches(inputs);
        var spacing = q.Backend.MatrixStateSpacing(spec.Chunk);
        var kept = watched ? Tensor.Allocate([batch, heads, (length + spacing - 1) / spacing, dk, dv], q.DType, q.Device) : null;
        q.Backend.MatrixState(spec, inputs[0]!, inputs[1]!, inputs[2]!, inputs[3], inputs[4], inputs[5], inputs[6], output, final, kept);
        if (!watched)
        {
            Anomaly.CheckForward(op, output);
            return (output, final);
        }

        // Absent operands leave no gap among the saved tensors.
        var saved = new List<Tensor> { kept! };
        var place = new int[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            place[i] = inputs[i] is null ? -1 : saved.Count;
            if (inputs[i] is { } x) saved.Add(x);
        }

        Tape.RecordMany(op, [output, final], inputs, [.. saved], (n, g) =>
        {
            Tensor? At(int i) => place[i] < 0 ? null : n.Saved(place[i]);
            if (GradMode.IsOn)
                return Tape.Composed([At(0), At(1), At(2), At(3), At(4), At(5), At(6)], n.Needs, g, x =>
                {
                    var (o, s) = Composed(spec, x[0]!, x[1]!, x[2]!, x[3], x[4], x[5], x[6]);
                    return [o, s];
                });
            Tensor qs = At(0)!, vs = At(2)!;
            var dout = g[0]?.Contiguous() ?? Tensor.Zeros([.. qs.Layout.Dims[..3], vs.Layout.Dims[3]], qs.DType, qs.Device);
            Tensor? Like(int i) => At(i)?.AllocateLike();
            Tensor?[] d = [Like(0), Like(1), Like(2), Like(3), Like(4), Like(5), Like(6)];
            qs.Backend.MatrixStateVjp(
                spec, dout, g[1]?.Contiguous(), qs, At(1)!, vs, At(3), At(4), At(5), n.Saved(0), d[0]!, d[1]!, d[2]!, d[3], d[4], d[5], d[6]);
            return d;
        });
        return (output, final);
    }

    /// <summary>Checks what every form of the recurrence asks of its operands.</summary>
    public static void Check(
        string op, in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial)
    {
        if (!q.DType.IsComputeFloat()) throw TensorException.For(op, "is computed in Float32 and Float64: convert with .To(…)", q);
        foreach (var x in (ReadOnlySpan<Tensor?>)[k, v, decay, a, b, initial])
            if (x is not null) Binary.Check(op, q, x);
        if (q.Rank != 4 || v.Rank != 4) throw TensorException.For(op, "needs q, k [B, L, h, dk] and v [B, L, h, dv]", q, k, v);
        foreach (var x in (ReadOnlySpan<Tensor?>)[k, decay, a, b])
            if (x is not null && x.Shape != q.Shape) throw TensorException.For(op, "operands on the key channels must have one shape [B, L, h, dk]", q, x);
        if (!v.Layout.Dims.AsSpan(..3).SequenceEqual(q.Layout.Dims.AsSpan(..3))) throw TensorException.For(op, "batch, length or heads of v differ", q, v);
        if (q.Layout.Dims[1] == 0 || q.Layout.Dims[3] == 0 || v.Layout.Dims[3] == 0) throw TensorException.For(op, "needs at least one step and one channel", q, v);
        int[] state = [q.Layout.Dims[0], q.Layout.Dims[2], q.Layout.Dims[3], v.Layout.Dims[3]];
        if (initial is not null && !initial.Layout.Dims.AsSpan().SequenceEqual(state))
            throw TensorException.For(op, $"the initial state must be {new Shape(state)}", q, v, initial);
        if (spec.HeadFactors is { } factors)
        {
            if (factors.Length != q.Layout.Dims[2]) throw TensorException.For(op, $"{factors.Length} decay factors for {q.Layout.Dims[2]} heads", q);
            foreach (var f in factors)
                if (!(f is >= 0 and <= 1)) throw TensorException.For(op, $"a decay factor must lie in [0, 1], got {f}", q);
        }
    }

    /// <summary>The same maths in recorded ops, by chunks where the kernel works by chunks: fewer nodes than steps. A gate that is 0 has
    /// no logarithm, so gates go step by step.</summary>
    private static (Tensor Output, Tensor FinalState) Composed(
        in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial) =>
        spec.Chunk == 0 || spec.Decay == StateDecayKind.Gate ? Steps(spec, q, k, v, decay, a, b, initial)
        : a is null ? ChunkedState.Run(spec, q, k, v, decay, initial, spec.Chunk)
        : ChunkedDelta.Run(spec, q, k, v, decay, a, b!, initial, spec.Chunk);

    /// <summary>The same maths in recorded ops, one step after the other.</summary>
    public static (Tensor Output, Tensor FinalState) Steps(
        in MatrixStateSpec spec, Tensor q, Tensor k, Tensor v, Tensor? decay, Tensor? a, Tensor? b, Tensor? initial)
    {
        using var full = MixedPrecision.Products(DType.Float32);
        var state = initial ?? Tensor.Zeros([q.Layout.Dims[0], q.Layout.Dims[2], q.Layout.Dims[3], v.Layout.Dims[3]], q.DType, q.Device);
        var fixedFade = spec.HeadFactors is { } f ? Tensor.FromDoubles(f, [f.Length, 1, 1], q.DType, q.Device) : null;
        var fades = spec.Decay == StateDecayKind.Log ? decay!.Exp() : decay;
        var outputs = new Tensor[q.Layout.Dims[1]];
        for (var t = 0; t < outputs.Length; t++)
        {
            var next = state;
            if (fixedFade is not null) next *= fixedFade;
            else if (fades is not null) next *= fades.Select(1, t).Unsqueeze(-1);
            if (a is not null) next += b!.Select(1, t).Unsqueeze(-1) * a.Select(1, t).Unsqueeze(-2).MatMul(state);
            state = next + k.Select(1, t).Unsqueeze(-1) * v.Select(1, t).Unsqueeze(-2);
            outputs[t] = q.Select(1, t).Unsqueeze(-2).MatMul(state).Squeeze(-2) * spec.Scale;
        }

        return (Tensor.Stack(outputs, 1), state);
    }
}
