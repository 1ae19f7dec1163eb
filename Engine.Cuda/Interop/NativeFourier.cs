using Edifice.Engine.Cuda.Driver;

namespace Edifice.Engine.Cuda.Interop;

/// <summary>cuFFT on one card, looked for when a transform is first asked for. A plan takes long to make and holds memory on the card:
/// the ones last used are kept.</summary>
internal sealed unsafe class NativeFourier(NativeDriver driver) : IDeviceFourier
{
    /// <summary>How many plans are kept.</summary>
    private const int Kept = 64;

    private const int AllocationFailed = 2, Forward = -1, Inverse = 1;

    private readonly Lock _lock = new();
    private readonly Dictionary<TransformPlan, LinkedListNode<(TransformPlan Key, int Plan)>> _plans = [];
    private readonly LinkedList<(TransformPlan Key, int Plan)> _byUse = new();
    private bool _open;
    private delegate* unmanaged<int*, int, int*, int*, int, int, int*, int, int, int, int, int> _planMany;
    private delegate* unmanaged<int, nint, int> _setStream;
    private delegate* unmanaged<int, int> _destroy;
    private delegate* unmanaged<int, ulong, ulong, int, int> _complexSingle, _complexDouble;
    private delegate* unmanaged<int, ulong, ulong, int> _realSingle, _realDouble, _inverseSingle, _inverseDouble;

    /// <inheritdoc/>
    public void Transform(in TransformPlan plan, DevicePointer source, DevicePointer destination, StreamHandle stream)
    {
        lock (_lock)
        {
            driver.Enter();
            if (!_open) Open();
            var handle = Plan(plan, stream);
            ulong from = source.Address, to = destination.Address;
            var wide = plan.Type == DType.Float64;
            Check(plan.Kind switch
            {
                TransformKind.Forward => (wide ? _complexDouble : _complexSingle)(handle, from, to, Forward),
                TransformKind.Inverse => (wide ? _complexDouble : _complexSingle)(handle, from, to, Inverse),
                TransformKind.RealForward => (wide ? _realDouble : _realSingle)(handle, from, to),
                _ => (wide ? _inverseDouble : _inverseSingle)(handle, from, to),
            }, "transforming", plan, stream);
        }
    }

    private int Plan(in TransformPlan plan, StreamHandle stream)
    {
        if (_plans.TryGetValue(plan, out var known))
        {
            _byUse.Remove(known);
            _byUse.AddFirst(known);
            return known.Value.Plan;
        }

        int handle;
        var status = Make(plan, &handle);
        if (status == AllocationFailed)
        {
            // Plans that are not in use now hold memory of the card, too.
            driver.Synchronize(stream);
            while (_plans.Count > 0) Forget();
            status = Make(plan, &handle);
        }

        Check(status, "planning", plan, stream);
        Check(_setStream(handle, stream.Value), "setting the stream", plan, stream);
        if (_plans.Count == Kept)
        {
            driver.Synchronize(stream);
            Forget();
        }

        _plans[plan] = _byUse.AddFirst((plan, handle));
        return handle;
    }

    private int Make(in TransformPlan plan, int* handle)
    {
        var kind = (plan.Kind, plan.Type == DType.Float64) switch
        {
            (TransformKind.RealForward, false) => 0x2a,
            (TransformKind.RealForward, true) => 0x6a,
            (TransformKind.RealInverse, false) => 0x2c,
            (TransformKind.RealInverse, true) => 0x6c,
            (_, false) => 0x29,
            (_, true) => 0x69,
        };
        // In one dimension the embedding's extent is not read; without any, strides would not be either.
        int rank = plan.Rows > 1 ? 2 : 1;
        var extents = stackalloc int[] { plan.Rows, plan.Length };
        var input = stackalloc int[] { plan.Rows, plan.InputDistance };
        var output = stackalloc int[] { plan.Rows, plan.OutputDistance };
        return rank == 2
            ? _planMany(handle, 2, extents, input, plan.InputStride, plan.Rows * plan.InputDistance, output, plan.OutputStride, plan.Rows * plan.OutputDistance, kind, plan.Batch)
            : _planMany(handle, 1, extents + 1, input + 1, plan.InputStride, plan.InputDistance, output + 1, plan.OutputStride, plan.OutputDistance, kind, plan.Batch);
    }

    private void Forget()
    {
        var (key, plan) = _byUse.Last!.Value;
        _byUse.RemoveLast();
        _plans.Remove(key);
        _ = _destroy(plan);
    }

    private void Open()
    {
        var library = LibraryProbe.Find(LibraryProbe.FourierNames(driver.Describe().DriverVersion / 1000));
        if (library.Handle == 0)
            throw new CudaException($"a Fourier transform needs cuFFT, which was not found (tried {string.Join(", ", library.Tried)}): install it with the CUDA toolkit, or use Device.Cpu");
        void* At(string name) => library.Function(name, "this is not a cuFFT of CUDA 11 or later");
        _planMany = (delegate* unmanaged<int*, int, int*, int*, int, int, int*, int, int, int, int, int>)At("cufftPlanMany");
        _setStream = (delegate* unmanaged<int, nint, int>)At("cufftSetStream");
        _destroy = (delegate* unmanaged<int, int>)At("cufftDestroy");
        _complexSingle = (delegate* unmanaged<int, ulong, ulong, int, int>)At("cufftExecC2C");
        _complexDouble = (delegate* unmanaged<int, ulong, ulong, int, int>)At("cufftExecZ2Z");
        _realSingle = (delegate* unmanaged<int, ulong, ulong, int>)At("cufftExecR2C");
        _realDouble = (delegate* unmanaged<int, ulong, ulong, int>)At("cufftExecD2Z");
        _inverseSingle = (delegate* unmanaged<int, ulong, ulong, int>)At("cufftExecC2R");
        _inverseDouble = (delegate* unmanaged<int, ulong, ulong, int>)At("cufftExecZ2D");
        _open = true;
    }

    /// <summary>A lost context shows here as a failure of cuFFT: then the driver is asked, and says so.</summary>
    private void Check(int status, string doing, in TransformPlan plan, StreamHandle stream)
    {
        if (status == 0) return;
        if (status is 5 or 6) driver.Synchronize(stream);
        var name = status switch
        {
            1 => "CUFFT_INVALID_PLAN",
            AllocationFailed => "CUFFT_ALLOC_FAILED",
            4 => "CUFFT_INVALID_VALUE",
            5 => "CUFFT_INTERNAL_ERROR",
            6 => "CUFFT_EXEC_FAILED",
            7 => "CUFFT_SETUP_FAILED",
            8 => "CUFFT_INVALID_SIZE",
            9 => "CUFFT_UNALIGNED_DATA",
            _ => $"cuFFT status {status}",
        };
        var text = $"card {driver.Ordinal}, cuFFT, {doing} ({plan}): {name}";
        throw status == AllocationFailed ? new CudaOutOfMemoryException(text) : new CudaException(text);
    }
}
