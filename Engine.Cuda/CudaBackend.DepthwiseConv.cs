using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void DepthwiseConv(Tensor x, Tensor weight, Tensor? bias, Tensor? segments, int left, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        ArgumentNullException.ThrowIfNull(y);
        Convolve(x, weight, bias, InputSegments(segments), OutputSegments(segments, weight, left), x.Size(1), left, flip: false, y);
    }

    /// <inheritdoc/>
    public void DepthwiseConvVjp(
        Tensor g, Tensor x, Tensor weight, Tensor? segments, int left, Tensor? dx, Tensor? dweight, Tensor? dbias)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        ulong inputs = InputSegments(segments), outputs = OutputSegments(segments, weight, left);

        // dx_s = Σ_j w_j g_(s + left - j): the same convolution with the taps in opposite order; input and output exchange their parts.
        if (dx is not null) Convolve(g, weight, null, outputs, inputs, x.Size(1), weight.Size(1) - 1 - left, flip: true, dx);
        if (dweight is not null || dbias is not null) WeightGradient(g, x, weight, inputs, outputs, left, dweight, dbias);
    }

    private static ulong InputSegments(Tensor? segments) => segments is null ? 0 : Address(segments).Address;

    /// <summary>Those of the positions under the outputs' last taps.</summary>
    private static ulong OutputSegments(Tensor? segments, Tensor weight, int left) =>
        segments is null ? 0 : Address(segments).Address + (ulong)((weight.Size(1) - 1 - left) * (long)sizeof(int));

    private void Convolve(
        Tensor x, Tensor weight, Tensor? bias, ulong inputSegments, ulong outputSegments, int segmentStride, int left, bool flip, Tensor y)
    {
        if (y.Count == 0) return;
        int channels = weight.Size(0), taps = weight.Size(1);
        var groups = Fours(y.Size(1));
        var threads = Threads("depthwise_conv", y.Size(0) * (long)groups * channels, y);
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(weight);
        arguments.Add(bias);
        arguments.Add(inputSegments);
        arguments.Add(outputSegments);
        arguments.Add(y);
        arguments.Add(threads);
        arguments.Add(groups);
        arguments.Add((uint)channels);
        arguments.Add((uint)x.Size(1));
        arguments.Add((uint)y.Size(1));
        arguments.Add((uint)segmentStride);
        arguments.Add((uint)taps);
        arguments.Add(flip ? (uint)(taps - 1) : 0);
        arguments.Add(flip ? -1 : 1);
        arguments.Add(left);
        Launch("depthwise", y.DType, "depthwise", Blocks(threads), arguments);
    }

    private void WeightGradient(
        Tensor g, Tensor x, Tensor weight, ulong inputSegments, ulong outputSegments, int left, Tensor? dweight, Tensor? dbias)
    {
        int channels = weight.Size(0), taps = weight.Size(1);
        var parts = (g.Size(1) + StretchSteps - 1) / StretchSteps;
        var stretches = g.Size(0) * parts;
        // Without taps the bias still needs a thread for each channel.
        var groups = Math.Max(1, Fours(taps));
        using var weightSums = dweight is null ? null : Temporary(x.DType, stretches, channels, taps);
        using var biasSums = dbias is null ? null : Temporary(x.DType, stretches, channels);
        var threads = Threads("depthwise_conv", stretches * (long)groups * channels, g);
        if (threads > 0)
        {
            var arguments = new KernelArguments();
            arguments.Add(g);
            arguments.Add(x);
            arguments.Add(inputSegments);
            arguments.Add(outputSegments);
            arguments.Add(weightSums);
            arguments.Add(biasSums);
            arguments.Add(threads);
            arguments.Add((uint)parts);
            arguments.Add(groups);
            arguments.Add((uint)channels);
            arguments.Add((uint)x.Size(1));
            arguments.Add((uint)g.Size(1));
            arguments.Add((uint)x.Size(1));
            arguments.Add((uint)taps);
            arguments.Add(left);
            Launch("depthwise_weight", x.DType, "depthwise_weight", Blocks(threads), arguments);
        }

        if (dweight is not null) Fold(weightSums!, stretches, dweight);
        if (dbias is not null) Fold(biasSums!, stretches, dbias);
    }
}
