using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;

namespace Edifice.Engine.Ops;

/// <summary>The recurrence with the delta rule (WKV-7) by chunks, in recorded ops: within a chunk it is a unit lower triangular system.
/// The fused kernels are held to this form, and second derivatives come from it.</summary>
/// <remarks>Equations (10)–(15) of the page on the ops of RWKV-7. Decays between two steps are summed on their own pair by pair, so no
/// exponent is positive whatever the decay. The system is solved by forward substitution, which stays accurate when keys
/// repeat; an explicit inverse would not.</remarks>
internal static class ChunkedDelta
{
    public static (Tensor Output, Tensor FinalState) Run(
        in MatrixStateSpec spec, Tensor r, Tensor k, Tensor v, Tensor? logW, Tensor a, Tensor b, Tensor? initial, int chunk)
    {
        if (spec.Decay != StateDecayKind.Log || logW is null) throw TensorException.For("wkv7", $"has no chunkwise form with decays of kind {spec.Decay}", r);
        using var full = MixedPrecision.Products(DType.Float32);
        int batch = r.Layout.Dims[0], length = r.Layout.Dims[1], heads = r.Layout.Dims[2];
        var state = initial ?? Tensor.Zeros([batch, heads, r.Layout.Dims[3], v.Layout.Dims[3]], r.DType, r.Device);
        var outputs = new List<Tensor>();
        for (var start = 0; start < length; start += chunk)
        {
            var n = Math.Min(chunk, length - start);
            Tensor Piece(Tensor x) => x.Narrow(1, start, n).Transpose(1, 2);
            Tensor rs = spec.Scale == 1 ? Piece(r) : Piece(r) * spec.Scale, gs = Piece(logW), ks = Piece(k), vs = Piece(v), aa = Piece(a), bb = Piece(b);

            // between[i, j] = e^{Σ_{j<s≤i} g_s} for j ≤ i; `before` the same up to i - 1, for what reads the state before its decay.
            var between = PairSums(gs).Exp();
            var before = n == 1
                ? Tensor.Zeros([batch, heads, 1, 1, gs.Layout.Dims[3]], r.DType, r.Device)
                : Tensor.Cat([Tensor.Zeros([batch, heads, 1, n, gs.Layout.Dims[3]], r.DType, r.Device), between.Narrow(2, 0, n - 1)], 2);
            Tensor arb = Scores(rs, bb, between).Tril(), ark = Scores(rs, ks, between).Tril();
            Tensor aab = Scores(aa, bb, before).Tril(-1), aak = Scores(aa, ks, before).Tril(-1);
            var sum = gs.CumSum(2);
            var exclusive = gs.CumSum(2, exclusive: true);
            var toEnd = gs.CumSum(2, reverse: true, exclusive: true).Exp();

            var right = (aa * exclusive.Exp()).MatMul(state) + aak.MatMul(vs);
            var u = Substitute(aab, right);
            outputs.Add(((rs * sum.Exp()).MatMul(state) + arb.MatMul(u) + ark.MatMul(vs)).Transpose(1, 2));
            state = state * sum.Narrow(2, n - 1, 1).Exp().Transpose(2, 3)
                + (bb * toEnd).Transpose().MatMul(u) + (ks * toEnd).Transpose().MatMul(vs);
        }

        return (outputs.Count == 1 ? outputs[0] : Tensor.Cat([.. outputs], 1), state);
    }

    /// <summary>[…, i, j, c] = Σ_{j&lt;s≤i} g_s[c], 0 where j ≥ i.</summary>
    private static Tensor PairSums(Tensor g)
    {
        var n = g.Layout.Dims[2];
        var mask = Tensor.Ones([n, n], g.DType, g.Device).Tril(-1).Unsqueeze(-1);
        return Tensor.Where(mask > 0, g.Unsqueeze(3), Tensor.Zeros(Shape.Scalar, g.DType, g.Device)).CumSum(2);
    }

    private static Tensor Scores(Tensor left, Tensor right, Tensor weights) =>
        (left.Unsqueeze(3) * right.Unsqueeze(2) * weights).Sum(-1);

    /// <summary>U = (I - A)⁻¹ R for strictly lower triangular A, row by row.</summary>
    private static Tensor Substitute(Tensor a, Tensor right)
    {
        var n = right.Layout.Dims[2];
        Tensor? solved = null;
        for (var i = 0; i < n; i++)
        {
            var row = right.Narrow(2, i, 1);
            if (solved is not null) row += a.Narrow(2, i, 1).Narrow(3, 0, i).MatMul(solved);
            solved = solved is null ? row : Tensor.Cat([solved, row], 2);
        }

        return solved!;
    }
}
