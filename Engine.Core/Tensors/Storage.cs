namespace Edifice.Engine;

/// <summary>The bytes under one or more tensors. Views share it.</summary>
/// <remarks>A backend derives its own. Holders are counted so that memory can return to the pool the moment the last
/// holder lets go; a holder that is only garbage-collected is caught by the backend's own safety net.</remarks>
public abstract class Storage
{
    /// <summary>Creates the base of a backend's storage.</summary>
    protected Storage(Device device, long byteLength)
    {
        Device = device;
        ByteLength = byteLength;
    }

    /// <summary>Where the bytes live.</summary>
    public Device Device { get; }

    /// <summary>How many bytes there are.</summary>
    public long ByteLength { get; }

    /// <summary>True when the bytes are gone though tensors still hold them: their device was reset. What is kept for reuse is made anew
    /// then.</summary>
    public virtual bool IsLost => false;

    /// <summary>Counts in-place writes; the tape compares it with the count at the time of saving.</summary>
    public int Version { get; internal set; }

    /// <summary>Adds a holder.</summary>
    public abstract void Retain();

    /// <summary>Removes a holder; the last one returns the memory.</summary>
    public abstract void Release();

    /// <summary>True when exactly one tensor or saved value holds these bytes.</summary>
    public abstract bool IsUnique { get; }

    /// <summary>The first byte, for storages in host memory.</summary>
    /// <exception cref="TensorException">The storage is not in host memory.</exception>
    public virtual ref byte HostData =>
        throw new TensorException($"the bytes of a tensor on {Device} cannot be addressed from the host: use .To(Device.Cpu)");
}
