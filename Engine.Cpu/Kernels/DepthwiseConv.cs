using Edifice.Engine.Cpu.Kernels;
using Edifice.Engine.Cpu.Memory;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(y);
        if (x.DType == DType.Float32) DepthwiseConv<float>(x, weight, bias, segments, left, y);
        else DepthwiseConv<double>(x, weight, bias, segments, left, y);
    }

    /// <inheritdoc/>
    public void DepthwiseConvVjp(
        Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        if (x.DType == DType.Float32) DepthwiseConvVjp<float>(g, x, weight, segments, left, dx, dweight, dbias);
        else DepthwiseConvVjp<double>(g, x, weight, segments, left, dx, dweight, dbias);
    }

    private static void DepthwiseConv<T>(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y) where T : unmanaged
    {
        int channels = weight.Size(0), taps = weight.Size(1);
        using var turned = new Scratch<T>((long)channels * taps);
        fixed (T* px = &x.HostElement<T>(), pw = &weight.HostElement<T>(), pb = &Operand.First<T>(bias), py = &y.HostElement<T>())
        fixed (int* ps = &Operand.First<int>(segments))
        {
            TurnWeight(pw, channels, taps, flip: false, turned.Pointer);
            var conv = new DepthwiseConvolution<T>
            {
                X = px, Weight = turned.Pointer, Bias = pb, Y = py,
                XSegments = ps, YSegments = ps == null ? null : ps + (taps - 1 - left), SegmentStride = x.Size(1),
                Batch = x.Size(0), XLength = x.Size(1), YLength = y.Size(1), Channels = channels, Taps = taps, Left = left,
            };
            Isa.Run<T, DepthwiseConvolution<T>>(ref conv);
        }
    }

    private static void DepthwiseConvVjp<T>(
        Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias) where T : unmanaged
    {
        int channels = weight.Size(0), taps = weight.Size(1);
        fixed (T* pg = &g.HostElement<T>(), px = &x.HostElement<T>(), pw = &weight.HostElement<T>())
        fixed (T* pdx = &Operand.First<T>(dx), pdw = &Operand.First<T>(dweight), pdb = &Operand.First<T>(dbias))
        fixed (int* ps = &Operand.First<int>(segments))
        {
            var own = ps == null ? null : ps + (taps - 1 - left);
            if (pdx != null)
            {
                // dx_s = Σ_j w_j g_(s + left - j): the same convolution with the taps in opposite order. The roles of
                // the two segment rows are exchanged with those of input and output.
                using var turned = new Scratch<T>((long)channels * taps);
                TurnWeight(pw, channels, taps, flip: true, turned.Pointer);
                var conv = new DepthwiseConvolution<T>
                {
                    X = pg, Weight = turned.Pointer, Y = pdx,
                    XSegments = own, YSegments = ps, SegmentStride = x.Size(1),
                    Batch = x.Size(0), XLength = g.Size(1), YLength = x.Size(1), Channels = channels, Taps = taps, Left = taps - 1 - left,
                };
                Isa.Run<T, DepthwiseConvolution<T>>(ref conv);
            }

            if (pdw == null && pdb == null) return;
            var sums = new DepthwiseWeightGradient<T>
            {
                G = pg, X = px, DWeight = pdw, DBias = pdb,
                XSegments = ps, YSegments = own, SegmentStride = x.Size(1),
                Batch = x.Size(0), XLength = x.Size(1), YLength = g.Size(1), Channels = channels, Taps = taps, Left = left,
            };
            Isa.Run<T, DepthwiseWeightGradient<T>>(ref sums);
        }
    }

    /// <summary>[C, K] to [K, C], in opposite order of taps when <paramref name="flip"/>.</summary>
    private static void TurnWeight<T>(T* weight, int channels, int taps, bool flip, T* turned) where T : unmanaged
    {
        for (var c = 0; c < channels; c++)
            for (var j = 0; j < taps; j++) turned[(long)(flip ? taps - 1 - j : j) * channels + c] = weight[(long)c * taps + j];
    }
}
