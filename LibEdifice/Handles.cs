namespace Edifice.C;

/// <summary>The objects that C holds handles of. A handle is no address: it is a place in this table and the number of times the
/// place was given out, so that one that was freed, or made up, is recognised and never followed.</summary>
internal static class Handles
{
    private const int PlaceBits = 24;
    private const int PlaceMask = (1 << PlaceBits) - 1;

    private struct Place
    {
        public object? Value;
        public uint Uses;
        public bool Busy;
    }

    private static readonly Lock s_lock = new();
    private static readonly Stack<int> s_free = new();
    private static Place[] s_places = new Place[16];
    private static int s_count = 1; // place 0 is left out: no handle is null

    public static nint Add(object value)
    {
        lock (s_lock)
        {
            if (!s_free.TryPop(out var at))
            {
                if (s_count == s_places.Length) Array.Resize(ref s_places, s_count * 2);
                at = s_count < PlaceMask ? s_count++ : throw new CallException(Status.OutOfMemory, $"{PlaceMask} handles are in use: free some");
            }

            ref var place = ref s_places[at];
            (place.Value, place.Busy) = (value, false);
            place.Uses++;
            return (nint)((ulong)place.Uses << PlaceBits | (uint)at);
        }
    }

    /// <summary>An object that any number of threads may use at once.</summary>
    public static T Get<T>(nint handle) where T : class
    {
        lock (s_lock) return (T)Find<T>(handle).Value!;
    }

    /// <summary>An object for this thread alone, until <see cref="Return"/>.</summary>
    public static T Take<T>(nint handle) where T : class
    {
        lock (s_lock)
        {
            ref var place = ref Find<T>(handle);
            if (place.Busy) throw new CallException(Status.Busy, $"the {Name<T>()} is being used by another thread: give each thread its own");
            place.Busy = true;
            return (T)place.Value!;
        }
    }

    public static void Return(nint handle)
    {
        lock (s_lock) s_places[(int)(handle & PlaceMask)].Busy = false;
    }

    /// <summary>Takes an object out of the table: its handle is no longer one.</summary>
    public static T Remove<T>(nint handle) where T : class
    {
        lock (s_lock)
        {
            ref var place = ref Find<T>(handle);
            if (place.Busy) throw new CallException(Status.Busy, $"the {Name<T>()} is being used by another thread: it cannot be freed now");
            var value = (T)place.Value!;
            place.Value = null;
            s_free.Push((int)(handle & PlaceMask));
            return value;
        }
    }

    private static ref Place Find<T>(nint handle) where T : class
    {
        if (handle == 0) throw new CallException(Status.NullArgument, $"the {Name<T>()} is null");
        var at = (int)(handle & PlaceMask);
        if (at >= s_count || s_places[at].Value is null || (ulong)s_places[at].Uses != (ulong)handle >> PlaceBits)
            throw new CallException(Status.BadHandle, $"the {Name<T>()} is no valid handle: was it freed?");
        if (s_places[at].Value is not T) throw new CallException(Status.BadHandle, $"the handle is of another kind: a {Name<T>()} is needed");
        return ref s_places[at];
    }

    private static string Name<T>() => typeof(T) == typeof(ModelOptions) ? "edifice_options"
        : typeof(T) == typeof(Attention.LanguageModel) ? "edifice_model"
        : typeof(T) == typeof(Attention.TokenStream) ? "edifice_stream"
        : "edifice_sampler";
}

/// <summary>An object of the table that this thread has for itself for a while.</summary>
internal readonly ref struct Taken<T>(nint handle) where T : class
{
    private readonly nint _handle = handle;

    public T Value { get; } = Handles.Take<T>(handle);

    public void Dispose() => Handles.Return(_handle);
}
