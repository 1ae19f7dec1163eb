using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void RgLru(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(h);
        if (h.Count == 0) return;
        var cut = TimeCut.Of(x, reverse: false);
        KernelArguments arguments;
        using var states = cut.Chunks == 1 ? null : Temporary(x.DType, x.Size(0), cut.Chunks, x.Size(2));
        if (states is not null)
        {
            using var factors = states.AllocateLike();
            arguments = UnitOperands(x, gateX, gateA, rate, reset);
            arguments.Add(factors);
            arguments.Add(states);
            LaunchScan("rg_lru", "rg_lru_chunks", x, cut, ref arguments);
            Carry(cut, x, null, null, factors, states, initial, shift: 0);
        }

        arguments = UnitOperands(x, gateX, gateA, rate, reset);
        arguments.Add(initial);
        arguments.Add(states);
        arguments.Add(h);
        LaunchScan("rg_lru", "rg_lru", x, cut, ref arguments);
    }

    /// <inheritdoc/>
    public void RgLruVjp(
        Tensor dh, Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset, Tensor? initial, Tensor h,
        Tensor dx, Tensor dgateX, Tensor dgateA, Tensor drate, Tensor? dinitial)
    {
        ArgumentNullException.ThrowIfNull(dh);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(drate);
        if (x.Count == 0)
        {
            Clear(drate);
            if (dinitial is not null) Clear(dinitial);
            return;
        }

        var cut = TimeCut.Of(x, reverse: true);
        KernelArguments arguments;
        using var states = cut.Chunks == 1 ? null : Temporary(x.DType, x.Size(0), cut.Chunks, x.Size(2));
        if (states is not null)
        {
            using var factors = states.AllocateLike();
            arguments = new KernelArguments();
            arguments.Add(dh);
            arguments.Add(gateA);
            arguments.Add(rate);
            arguments.Add(reset);
            arguments.Add(factors);
            arguments.Add(states);
            LaunchScan("rg_lru", "rg_lru_vjp_chunks", x, cut, ref arguments);
            Carry(cut, x, null, null, factors, states, null, shift: 0);
        }

        using var sums = Temporary(x.DType, x.Size(0), cut.Chunks, x.Size(2));
        arguments = new KernelArguments();
        arguments.Add(dh);
        arguments.Add(x);
        arguments.Add(gateX);
        arguments.Add(gateA);
        arguments.Add(rate);
        arguments.Add(reset);
        arguments.Add(0UL);
        arguments.Add(states);
        arguments.Add(initial);
        arguments.Add(h);
        arguments.Add(dx);
        arguments.Add(dgateX);
        arguments.Add(dgateA);
        arguments.Add(sums);
        arguments.Add(dinitial);
        LaunchScan("rg_lru", "rg_lru_vjp", x, cut, ref arguments);
        Fold(sums, (long)x.Size(0) * cut.Chunks, drate);
    }

    private static KernelArguments UnitOperands(Tensor x, Tensor gateX, Tensor gateA, Tensor rate, Tensor? reset)
    {
        var arguments = new KernelArguments();
        arguments.Add(x);
        arguments.Add(gateX);
        arguments.Add(gateA);
        arguments.Add(rate);
        arguments.Add(reset);
        return arguments;
    }
}
