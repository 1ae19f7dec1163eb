using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void TokenShift(Tensor x, Tensor mix, Tensor? initial, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(y);
        if (y.Count == 0) return;
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(mix);
        arguments.Add(initial);
        arguments.Add(y);
        LaunchShift("token_shift", x, mix, ref arguments, (long)x.Size(0) * x.Size(1), ByFours(x.Size(2), x, mix, initial, y));
    }

    /// <inheritdoc/>
    public void TokenShiftVjp(Tensor dy, Tensor x, Tensor mix, Tensor? initial, Tensor dx, Tensor dmix, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dy);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(mix);
        ArgumentNullException.ThrowIfNull(dx);
        ArgumentNullException.ThrowIfNull(dmix);
        if (x.Count == 0)
        {
            Clear(dmix);
            if (dinitial is not null) Clear(dinitial);
            return;
        }

        var arguments = new KernelArguments();
        arguments.Add(dy);
        arguments.Add(mix);
        arguments.Add(dx);
        arguments.Add(dinitial);
        LaunchShift("token_shift_vjp", x, mix, ref arguments, (long)x.Size(0) * x.Size(1), ByFours(x.Size(2), dy, mix, dx, dinitial));

        var parts = (x.Size(1) + StretchSteps - 1) / StretchSteps;
        int stretches = x.Size(0) * parts, mixes = mix.Size(0);
        if (mixes == 0) return;
        using var sums = Temporary(x.DType, stretches, mixes, x.Size(2));
        arguments = new KernelArguments();
        arguments.Add(dy);
        arguments.Add(x);
        arguments.Add(initial);
        arguments.Add(sums);
        LaunchShift("token_shift_mix", x, mix, ref arguments, (long)stretches * mixes, ByFours(x.Size(2), dy, x, initial), (uint)parts);
        Fold(sums, stretches, dmix);
    }

    /// <summary>Launches a kernel over <paramref name="lines"/> lines of channels.</summary>
    private void LaunchShift(string kernel, Tensor x, Tensor mix, ref KernelArguments arguments, long lines, bool vector, uint? parts = null)
    {
        var groups = Fours(x.Size(2));
        var threads = Threads("token_shift", lines * groups, x);
        arguments.Add((ulong)x.Count);
        arguments.Add(threads);
        arguments.Add(groups);
        arguments.Add((uint)x.Size(2));
        arguments.Add((uint)x.Size(1));
        arguments.Add((uint)mix.Size(0));
        if (parts is { } given) arguments.Add(given);
        arguments.Add(vector ? 1U : 0U);
        Launch("token_shift", x.DType, kernel, Blocks(threads), arguments);
    }
}
